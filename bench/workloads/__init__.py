"""What the gateways are made to do, in the order of the report."""

from workloads.breaks import BREAKS
from workloads.bulk import BULK
from workloads.crowds import CROWDS
from workloads.idle import IDLE
from workloads.slow_store import SLOW_STORE
from workloads.small import SMALL

WORKLOADS = {w.name: w for w in (*BULK, *SMALL, *CROWDS, *IDLE, *BREAKS, *SLOW_STORE)}
