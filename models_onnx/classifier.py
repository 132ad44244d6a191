"""An encoder, the mean of its words, one linear layer: the shape of every tag and intent model. Needs `beckon[train]`."""

from typing import Any

import torch

_DROPOUT = 0.1
#: A product of matrices with so many equal rows adds up in the same order whatever else is in the batch; a plain
#: sum over the words does not, and then a text's score would depend on its company.
_EQUAL_ROWS = 8


class Classifier(torch.nn.Module):  # type: ignore[misc] # PyTorch is not type-checked here
    """Ids and mask -> logits, float[batch, labels]."""

    def __init__(self, encoder: Any, labels: int) -> None:
        super().__init__()
        width = int(encoder.config.hidden_size)
        self.encoder = encoder
        self.dropout = torch.nn.Dropout(_DROPOUT)
        self.head = torch.nn.Linear(width, labels)

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        return self.head(self.dropout(self.pooled(input_ids, attention_mask)))

    def pooled(self, input_ids: Any, attention_mask: Any) -> Any:
        """Return the mean of the words' states, float[batch, width]."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return mean_pooled(states, attention_mask)


class Embedder(torch.nn.Module):  # type: ignore[misc] # as above
    """Ids and mask -> vectors of length 1, float[batch, width]: near ones mean the same."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return torch.nn.functional.normalize(mean_pooled(states, attention_mask), dim=-1)


def mean_pooled(states: Any, mask: Any) -> Any:
    """Return the mean over the words that the mask keeps."""
    weights = mask.to(states.dtype)
    rows = weights.unsqueeze(1).expand(-1, _EQUAL_ROWS, -1)
    return torch.matmul(rows, states)[:, 0] / weights.sum(dim=1, keepdim=True).clamp(min=1.0)
