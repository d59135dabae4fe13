"""What is kept of a simulation, in memory or on disk."""

from ranvier.network._recording._columns import Columns, FolderColumns, MemoryColumns
from ranvier.network._recording._load import load_records
from ranvier.network._recording._recorder import Recorder, begin_of
from ranvier.network._recording._sample import Sample
from ranvier.network._recording._statistics import SpikeStatistics, Statistics
from ranvier.network._recording._wanted import Wanted, read_record

__all__ = [
    "Columns",
    "FolderColumns",
    "MemoryColumns",
    "Recorder",
    "Sample",
    "SpikeStatistics",
    "Statistics",
    "Wanted",
    "begin_of",
    "load_records",
    "read_record",
]
