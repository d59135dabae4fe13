"""One side file per simulator."""
