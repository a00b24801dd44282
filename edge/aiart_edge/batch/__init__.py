"""Very many pictures: a list cut into shards, a file of results for each, and no engine.

A shard whose file is there is done. That is how a run goes on after any accident, how it is the
same when it is run twice, and how its parts are put together.

    results   the folder of a run: its lock, list, manifest and files of results
    listing   which files a source names; store, which objects
    manifest  what the bytes of the results follow from
    shard     what becomes of the files of one shard
    parquet   records as tables, where that is asked for
    crew      the processes that work on shards; cluster, those of several machines
    engine    tasks on a Ray cluster, whatever they are
    run       what is to be done, and what stands there
    summary   what stands in all results
"""
