"""Families of deep spiking networks at equal parameters, each beside a plain spiking network and an ordinary one."""
