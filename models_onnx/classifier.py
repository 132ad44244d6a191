"""An encoder, the mean of its words, one linear layer: the shape of every tag and intent model. Needs `beckon[train]`."""

from typing import Any

import torch

_DROPOUT = 0.1
#: A product of matrices with so many equal rows adds up in the same order whatever else is in the batch; a plain
#: sum over the words does not, and then a text's score would depend on its company.
_EQUAL_ROWS = 8
_LENGTH = 20.0
_TINY = 1e-12


class Classifier(torch.nn.Module):  # type: ignore[misc] # PyTorch is not type-checked here
    """Ids and mask -> logits, float[batch, labels]. `unit`: the means are brought to one length first.

    Encoders that learnt by cosines mean nothing by length, and a linear layer does better without it.
    """

    def __init__(self, encoder: Any, labels: int, *, unit: bool) -> None:
        super().__init__()
        width = int(encoder.config.hidden_size)
        self.encoder = encoder
        self.unit = unit
        self.dropout = torch.nn.Dropout(_DROPOUT)
        self.head = torch.nn.Linear(width, labels)

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        return self.head(self.dropout(self.pooled(input_ids, attention_mask)))

    def pooled(self, input_ids: Any, attention_mask: Any) -> Any:
        """Return what the last layer sees: the mean of the words' states, float[batch, width]."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mean = mean_pooled(states, attention_mask)
        return _LENGTH * unit(mean) if self.unit else mean


class Embedder(torch.nn.Module):  # type: ignore[misc] # as above
    """Ids and mask -> vectors of length 1, float[batch, width]: near ones mean the same."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return unit(mean_pooled(states, attention_mask))


def mean_pooled(states: Any, mask: Any) -> Any:
    """Return the mean over the words that the mask keeps."""
    weights = mask.to(states.dtype)
    rows = weights.unsqueeze(1).expand(-1, _EQUAL_ROWS, -1)
    return torch.matmul(rows, states)[:, 0] / weights.sum(dim=1, keepdim=True).clamp(min=1.0)


def unit(vectors: Any) -> Any:
    """Return the vectors, brought to length 1."""
    return vectors / ((vectors * vectors).sum(dim=-1, keepdim=True) + _TINY).sqrt()
