"""Jobs on many processes and machines, by dask.distributed: nothing lost, nothing done under two names."""
