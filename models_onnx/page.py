"""card.md: what a person should know of a model before using it. Written from its card alone."""

from collections.abc import Iterator

from models_onnx.card import Card, Metrics

BASELINE = "TF-IDF + logistic regression"
NEIGHBOUR_BASELINE = "TF-IDF + nearest neighbour"
CONFUSION, RELIABILITY, LEARNING = "confusion.png", "reliability.png", "learning.png"


def page(card: Card) -> bytes:
    """Return card.md of a classifier."""
    metrics = card.metrics
    return f"""# {card.name} {card.version}

Reads a text and says what it is about. A small encoder, {_start(card)}, exported to ONNX
(opset {card.opset}, {card.precision}). Reads the first {card.max_length} tokens of a text.

{_bars(card)} {card.activation.capitalize()} over the labels:

{_wrapped(card.labels)}

## How good

On {metrics.texts:,} texts held out of training:

| | accuracy | macro F1 |
|---|---|---|
| this model | {metrics.model.accuracy:.4f} | {metrics.model.macro_f1:.4f} |
| {BASELINE} | {metrics.baseline.accuracy:.4f} | {metrics.baseline.macro_f1:.4f} |

{verdict(card)} {metrics.tagged:.1%} of them get a tag; the others have no score at the threshold.

{"".join(f"{part}{chr(10)}{chr(10)}" for part in _details(card))}{_origin(card)}

## What it cannot do

It knows its labels only{_cannot(metrics)}. It has seen
the words of its training data; other languages and other kinds of text were not measured.
""".encode()


def encoder_page(card: Card) -> bytes:
    """Return card.md of a text encoder."""
    metrics = card.metrics
    return f"""# {card.name} {card.version}

Reads a text and gives a vector of {card.outputs[0].axes[-1]} numbers, of length 1: the mean over its words, made
inside the graph. Texts that mean the same have a high cosine. {_start(card).capitalize()}, exported to ONNX
(opset {card.opset}, {card.precision}). Reads the first {card.max_length} tokens of a text.

## How good

For {metrics.texts:,} texts held out of training, the nearest training text was taken and its label compared:

| | right | macro F1 |
|---|---|---|
| this model | {metrics.model.accuracy:.4f} | {metrics.model.macro_f1:.4f} |
| {NEIGHBOUR_BASELINE} | {metrics.baseline.accuracy:.4f} | {metrics.baseline.macro_f1:.4f} |

{verdict(card)}

![Share right by epoch]({LEARNING})

{_origin(card)}
""".encode()


def verdict(card: Card) -> str:
    """Return whether the model is worth its cost, in a sentence."""
    won = card.metrics.model.accuracy - card.metrics.baseline.accuracy
    if won > 0:
        return f"The model is {won:.2%} better than the baseline."
    if won == 0:
        return "The model is as good as the baseline, no better."
    return f"**The baseline wins, by {-won:.2%}**: more texts, or a base model, may change that."


def _start(card: Card) -> str:
    base = card.training.base
    return f"fine-tuned from `{base}`" if base else "trained from scratch"


def _bars(card: Card) -> str:
    bars = card.bars()
    if not card.thresholds:
        return f"A label is a tag of a text from a score of {card.threshold} on."
    return (
        f"A label is a tag of a text from its threshold on, {min(bars)} to {max(bars)}, each the one with the"
        " best F1 on texts that did not train."
    )


def _details(card: Card) -> Iterator[str]:
    metrics = card.metrics
    if metrics.calibration is not None:
        one = metrics.calibration
        yield (
            f"A score is a probability to {one.ece:.4f} on average (expected calibration error in 15 bins; it was"
            f" {one.ece_before:.4f} before a temperature of {one.temperature} was built in)."
        )
    if metrics.refusal is not None:
        some = metrics.refusal
        yield (
            f"Of {some.texts:,} texts about none of the labels {some.recall:.1%} get no tag, at a threshold that"
            f" {some.accepted:.1%} of the others reach. Accuracy above is that of the others, all of them."
        )
    if card.variants:
        rows = "\n".join(
            f"| `{one.graph}` | {one.precision}, for {one.provider} | {one.quality.accuracy:.4f} |"
            f" {one.quality.macro_f1:.4f} | {one.flips:.2%} |"
            for one in card.variants
        )
        yield f"| variant | | accuracy | macro F1 | other best label |\n|---|---|---|---|---|\n{rows}"
    if metrics.mistakes:
        rows = "\n".join(f"| {truth} | {said} | {texts} |" for truth, said, texts in metrics.mistakes)
        yield f"The most frequent mistakes:\n\n| true | said | texts |\n|---|---|---|\n{rows}"
    if metrics.calibration is not None:
        yield (
            f"![What was said of which texts]({CONFUSION})\n\n![Right against score]({RELIABILITY})\n\n"
            f"![Loss and share right by epoch]({LEARNING})"
        )


def _origin(card: Card) -> str:
    training = card.training
    versions = ", ".join(f"{name} {version}" for name, version in training.versions.items())
    return f"""## Where it comes from

Data: {training.data}; {training.rows:,} rows, sha256 `{training.data_digest}`.

```
{training.command}
```

The same command with the same packages on the same kind of machine gives the same files.
Made {card.created_at} with {versions}. Licence: {card.licence}."""


def _cannot(metrics: Metrics) -> str:
    if metrics.refusal is not None:
        return ", and takes some texts about other things for one of them (see above)"
    return " and gives one of them to most texts, also to texts about something else"


def _wrapped(labels: tuple[str, ...]) -> str:
    lines = [""]
    for number, label in enumerate(labels):
        word = f"`{label}`" + ("," if number + 1 < len(labels) else ".")
        if len(lines[-1]) + len(word) > 108:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
