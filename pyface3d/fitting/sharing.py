"""Several faces of one person: least squares with one identity, in closed form."""

import torch
from torch import Tensor


def solve_shared(normal: Tensor, right: Tensor, variance: Tensor, people: Tensor, n_identity: int) -> Tensor:
    """Coefficients (B, K) in standard deviations, identities equal within a person.

    Minimizes sum_b (a_b^T N_b a_b - 2 r_b^T a_b) / v_b + |identity|^2 of each person + |expression|^2 of each face. The
    expressions are eliminated from each face's equations (Schur complement), the rest summed over a person's faces.

    Args:
        normal: (B, K, K) N of each face.
        right: (B, K) r.
        variance: (B,) v of the points, in their unit squared.
        people: (B,) int64, the number of each face's person, from 0.
        n_identity: K_i; the first coefficients.
    """
    scale = 1 / variance.clamp_min(torch.finfo(variance.dtype).tiny)
    known = normal.isfinite().all(2).all(1) & right.isfinite().all(1) & scale.isfinite()  # others tell nothing
    normal = torch.where(known[:, None, None], normal * scale[:, None, None], 0.0)
    right = torch.where(known[:, None], right * scale[:, None], 0.0)
    i, e = slice(0, n_identity), slice(n_identity, None)
    eye = lambda n: torch.eye(n, dtype=normal.dtype, device=normal.device)  # noqa: E731
    factor = torch.linalg.cholesky(normal[:, e, e] + eye(normal.shape[1] - n_identity))
    columns = torch.cat([normal[:, e, i], right[:, e, None]], 2)  # (B, K_e, K_i + 1)
    solved = torch.cholesky_solve(columns, factor)
    reduced = torch.cat([normal[:, i, i], right[:, i, None]], 2) - normal[:, i, e] @ solved
    count = int(people.max()) + 1 if len(people) else 0
    summed = reduced.new_zeros(count, *reduced.shape[1:]).index_add_(0, people, reduced)
    identity = torch.cholesky_solve(summed[..., -1:], torch.linalg.cholesky(summed[..., :-1] + eye(n_identity)))
    identity = identity[people, :, 0]  # (B, K_i)
    expression = solved[..., -1] - (solved[..., :-1] @ identity[..., None])[..., 0]
    return torch.where(known[:, None], torch.cat([identity, expression], 1), torch.nan)
