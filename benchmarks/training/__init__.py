"""Training benches: forward and backward through spiking layers and small networks."""
