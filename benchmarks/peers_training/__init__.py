"""One side file per peer: how that library does each training bench with its own calls."""
