"""EMT state and speed from intracellular asparagine (direction Knott 2018 [V], sizes [A])."""

from tumorabm.kernels import kernel


@kernel
def emt_state(p, asparagine_uM):
    """Epithelial (0) to mesenchymal (1): ``N²/(N² + 170²)``."""
    squared = asparagine_uM * asparagine_uM
    return squared / (squared + p.emt_half_asparagine_uM * p.emt_half_asparagine_uM)


@kernel
def migration_speed(p, emt):
    """Speed of migration (µm/min): ``.2 + .6 z``."""
    return p.speed_epithelial_um_per_min + p.speed_emt_gain_um_per_min * emt
