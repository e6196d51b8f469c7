"""Die at the N-th fault point, recover, and look whether every promise was kept.

`rounds` is what tests use. It drives `helper`, a process without threads that forks one child for each life: the mortal one walks (`walks`)
until it dies at its point, the next one is a new process over the same database and folders, that finds what is there and goes on as
people, workers and housekeeping would, without anybody's hand (`life`). Time does not pass while we wait: it is moved (`clock`).
"""
