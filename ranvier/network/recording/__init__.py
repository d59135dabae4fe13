"""What is kept of a simulation, in memory or on disk."""

from ranvier.network.recording._columns import Columns, FolderColumns, MemoryColumns
from ranvier.network.recording._elsewhere import ColumnsElsewhere
from ranvier.network.recording._layout import Layout
from ranvier.network.recording._load import load_records
from ranvier.network.recording._memory_rows import MemoryRows
from ranvier.network.recording._record import PopulationRecord
from ranvier.network.recording._recorded_array import RecordedArray
from ranvier.network.recording._recorder import Recorder, begin_of
from ranvier.network.recording._sample import Sample
from ranvier.network.recording._spike_train import SpikeTrain
from ranvier.network.recording._statistics import SpikeStatistics, Statistics
from ranvier.network.recording._wanted import Wanted, common_stride, read_record, stride_of
from ranvier.network.recording._zarr import GrowingArray

__all__ = [
    "Columns",
    "ColumnsElsewhere",
    "FolderColumns",
    "GrowingArray",
    "Layout",
    "MemoryColumns",
    "MemoryRows",
    "PopulationRecord",
    "RecordedArray",
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
