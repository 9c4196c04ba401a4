"""Neighbours, forces and motion of centre-based cells: free functions of arrays, in µm and min."""

from tumorabm.mechanics.contacts import CONTACT_REACH, contacts
from tumorabm.mechanics.crowding import crowding
from tumorabm.mechanics.division import separate_daughters
from tumorabm.mechanics.inhibition import compression
from tumorabm.mechanics.motility import migrate, sample_gradient
from tumorabm.mechanics.neighbours import (
    NeighbourLists,
    VoxelOrder,
    find_neighbours,
    order_by_voxel,
    sum_by_voxel,
)
from tumorabm.mechanics.relaxation import ADHESION_RANGE, RelaxResult, pair_force, relax
from tumorabm.mechanics.silhouette import silhouette

__all__ = [
    "ADHESION_RANGE",
    "CONTACT_REACH",
    "NeighbourLists",
    "RelaxResult",
    "VoxelOrder",
    "compression",
    "contacts",
    "crowding",
    "find_neighbours",
    "migrate",
    "order_by_voxel",
    "pair_force",
    "relax",
    "sample_gradient",
    "separate_daughters",
    "silhouette",
    "sum_by_voxel",
]
