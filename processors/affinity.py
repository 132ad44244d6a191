"""How much a shopper cares for each tag, fading with time.

With touches of weight w_i at event times t_i, the strength at time t is

    strength(t) = sum_i w_i * 2 ** (-(t - t_i) / half_life)

Exponential decay shrinks every term alike, so one number and the newest t_i stand for the sum, in
any order of arrival. Source: Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay: A Practical Time
Decay Model for Streaming Systems", ICDE 2009.
"""

from math import exp2

from processors.policy import ProfilePolicy
from schemas.ids import EventTime, Tags
from schemas.profiles import Strength

Affinity = dict[str, Strength]


def touch(affinity: Affinity, tags: Tags, weight: float, at: EventTime, policy: ProfilePolicy) -> None:
    """Count one text in: `weight` times the probability of each of its tags; a late one counts for what is left.

    >>> interests: Affinity = {}
    >>> touch(interests, (("shoes", 1.0),), 4.0, 0, ProfilePolicy(half_life_ms=10.0))
    >>> touch(interests, (("shoes", 0.5),), 2.0, 10, ProfilePolicy(half_life_ms=10.0))
    >>> interests["shoes"].value, interests["shoes"].as_of
    (3.0, 10)
    """
    half_life_ms = policy.half_life_ms
    for tag, probability in tags:
        strength = affinity.get(tag)
        if strength is None:
            affinity[tag] = Strength(weight * probability, at)
        elif at >= strength.as_of:
            strength.value = (
                strength.value * exp2((strength.as_of - at) / half_life_ms) + weight * probability
            )
            strength.as_of = at
        else:
            strength.value += weight * probability * exp2((at - strength.as_of) / half_life_ms)


def join(affinity: Affinity, others: Affinity, policy: ProfilePolicy) -> None:
    """Add the interests of another profile, each tag at the newer of its two times."""
    for tag, other in others.items():
        strength = affinity.get(tag)
        if strength is None:
            affinity[tag] = other
            continue
        as_of = max(strength.as_of, other.as_of)
        value = strength_at(strength, as_of, policy) + strength_at(other, as_of, policy)
        affinity[tag] = Strength(value, as_of)
    forget_weakest(affinity, policy)


def forget_weakest(affinity: Affinity, policy: ProfilePolicy) -> None:
    """Keep the strongest tags at the newest tag time; of equals the greater tag goes (ruling 5)."""
    while len(affinity) > policy.tags_max:
        newest = EventTime(max(strength.as_of for strength in affinity.values()))
        lowest = min(strength_at(strength, newest, policy) for strength in affinity.values())
        # max over tags: code points decide, so that a replay forgets the same one.
        del affinity[max(tag for tag, s in affinity.items() if strength_at(s, newest, policy) == lowest)]


def strength_at(strength: Strength, at: EventTime, policy: ProfilePolicy) -> float:
    """Return the strength at time `at`; may be negative, which readers take as 0."""
    return strength.value * exp2((strength.as_of - at) / policy.half_life_ms)
