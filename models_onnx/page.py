"""card.md: what a person should know of a model before using it. Written from its card alone."""

from models_onnx.card import Card

BASELINE = "TF-IDF + logistic regression"


def page(card: Card) -> bytes:
    """Return card.md."""
    metrics, training = card.metrics, card.training
    start = f"fine-tuned from `{training.base}`" if training.base else "trained from scratch"
    versions = ", ".join(f"{name} {version}" for name, version in training.versions.items())
    return f"""# {card.name} {card.version}

Reads a product title or a search and says what it is about. A small BERT, {start}, exported to ONNX
(opset {card.opset}, {card.precision}). Reads the first {card.max_length} tokens of a text.

A label is a tag of a text from a score of {card.threshold} on. {card.activation.capitalize()} over the labels:

{_wrapped(card.labels)}

## How good

On {metrics.texts:,} texts held out of training:

| | accuracy | macro F1 |
|---|---|---|
| this model | {metrics.model.accuracy:.4f} | {metrics.model.macro_f1:.4f} |
| {BASELINE} | {metrics.baseline.accuracy:.4f} | {metrics.baseline.macro_f1:.4f} |

{verdict(card)} {metrics.tagged:.1%} of them get a tag; the others have no score at the threshold.

## Where it comes from

Data: {training.data}; {training.rows:,} rows, sha256 `{training.data_digest}`.

```
{training.command}
```

The same command with the same packages on the same kind of machine gives the same files.
Made {card.created_at} with {versions}. Licence: {card.licence}.

## What it cannot do

It knows its labels only and gives one of them to most texts, also to texts about something else. It has seen
the words of its training data; other languages and other kinds of text were not measured.
""".encode()


def verdict(card: Card) -> str:
    """Return whether the model is worth its cost, in a sentence."""
    won = card.metrics.model.accuracy - card.metrics.baseline.accuracy
    if won > 0:
        return f"The model is {won:.2%} better than the baseline."
    if won == 0:
        return "The model is as good as the baseline, no better."
    return f"**The baseline wins, by {-won:.2%}**: more texts, or a base model, may change that."


def _wrapped(labels: tuple[str, ...]) -> str:
    lines = [""]
    for number, label in enumerate(labels):
        word = f"`{label}`" + ("," if number + 1 < len(labels) else ".")
        if len(lines[-1]) + len(word) > 108:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
