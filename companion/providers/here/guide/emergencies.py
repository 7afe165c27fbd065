"""Danger in somebody's words: text in, the kind out. Plain patterns, pure. Rather once too often than once too seldom."""

from __future__ import annotations

import re

_CRISIS = re.compile(
    r"\b(?:(?:kill|killing|hang|hanging|shoot|shooting|harm|harming|hurt|hurting|cut|cutting) myself"
    r"|suicid\w*|self[- ]?harm\w*|overdos\w+|(?:take|taking|end|ending) (?:my (?:own )?life|it all)"
    r"|(?:want|wanted|wanna|rather|try|tried) (?:to )?(?:be )?(?:die|dead)|i(?:'m| am) (?:going|ready) to die"
    r"|wish i (?:was|were) dead|wish i (?:wasn't|weren't|was never|had never been) (?:alive|born)"
    r"|(?:don't|do not|not|never) (?:want|wish) to (?:be alive|exist|wake up|be here any ?more"
    r"|live(?! (?:here|there|in|with|near|at|alone|together|on|next|under)\b))"
    r"|no (?:reason|point) (?:to|in) (?:live|living|going on)|better off (?:dead|without me)"
    r"|can't go on (?:living|any ?more)|umbringen|selbstmord\w*|suizid\w*|nicht mehr leben"
    r"|me suicider|me tuer|envie de mourir|suicidarme|matarme|quiero morir)\b"
)
_DANGER = re.compile(
    r"\b(?:(?:he|she|they|who|husband|wife|boyfriend|girlfriend|partner|ex|father|mother|dad|mum|mom"
    r"|stepfather|brother|uncle|boss) "
    r"(?:\w+ ){0,2}(?:hits|hit|beats|beat|chokes|choked|strangled|threatens to|threatened to|rapes|raped|abuses|abused"
    r"|molested|assaulted|stalks|stalked) me|i (?:was|got|am being|have been|keep getting) "
    r"(?:raped|abused|beaten|assaulted|molested|stalked)|afraid (?:he|she) (?:will|might|could) (?:hurt|kill) me)\b"
)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def find_emergency(text: str) -> str:
    """`crisis` where the words speak of suicide or self-harm, `danger` where of violence suffered, else empty."""
    plain = " ".join(_WORD.findall(text.lower().replace("’", "'")))
    return "crisis" if _CRISIS.search(plain) else "danger" if _DANGER.search(plain) else ""
