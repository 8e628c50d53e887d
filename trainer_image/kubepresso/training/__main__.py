"""``torchrun -m kubepresso.training`` and ``python -m kubepresso.training``."""

# Loader workers import this module under another name; they need nothing of it.
if __name__ == "__main__":
    from kubepresso.training.entry import main

    main()
