"""What a recipe's results must be, whatever the model. Every check gives all the problems that it finds."""

from kubepresso.augmentation.checks.following import Following, check_following, warn_of_following
from kubepresso.augmentation.checks.images import check_results
from kubepresso.augmentation.checks.losses import Loss, check_losses, measure_losses
from kubepresso.augmentation.checks.mixing import check_batch_transform, check_shares
from kubepresso.augmentation.checks.repeating import check_repeatable
from kubepresso.augmentation.checks.targets import check_targets

__all__ = [
    "Following",
    "Loss",
    "check_batch_transform",
    "check_following",
    "check_losses",
    "check_repeatable",
    "check_results",
    "check_shares",
    "check_targets",
    "measure_losses",
    "warn_of_following",
]
