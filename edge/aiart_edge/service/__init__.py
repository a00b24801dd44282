"""The page and the HTTP service, by the extra `serve`; its modules are imported without it, too.

What there is to ask stands in `app`, what may come in, in `bodies`, and who may ask, in `guard`;
`workers` are the processes that decode and judge, `server` is sockets and the end, `page` what a
browser shows.
"""
