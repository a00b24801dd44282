"""The wing of documents: what a person reads of a run or of a data set."""
