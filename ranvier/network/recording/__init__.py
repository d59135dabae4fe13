"""What is kept of a simulation, in memory or on disk."""

from ranvier.network.recording._columns import Columns, FolderColumns, MemoryColumns
from ranvier.network.recording._load import load_records
from ranvier.network.recording._record import PopulationRecord
from ranvier.network.recording._recorder import Recorder, begin_of
from ranvier.network.recording._sample import Sample
from ranvier.network.recording._spike_train import SpikeTrain
from ranvier.network.recording._statistics import SpikeStatistics, Statistics
from ranvier.network.recording._wanted import Wanted, common_stride, read_record, stride_of

__all__ = [
    "Columns",
    "FolderColumns",
    "MemoryColumns",
    "PopulationRecord",
    "Recorder",
    "Sample",
    "SpikeStatistics",
    "SpikeTrain",
    "Statistics",
    "Wanted",
    "begin_of",
    "common_stride",
    "load_records",
    "read_record",
    "stride_of",
]
