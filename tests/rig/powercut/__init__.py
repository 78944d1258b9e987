"""Power cuts on real file systems, and a hundred thousand states of the model: `make powercut`.

`model` checks the recorded lives with many more states by chance than the tests do; `fuse` records
a whole process from outside and checks the same; `ext4` copies the image of a real file system at
each operation, and shuts one down before each; `blocks` replays every block write of one, in order
and out of order. All but the first need root, loop devices and /dev/fuse.
"""
