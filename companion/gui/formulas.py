"""Formulas in TeX as a line of text: what has a sign of its own gets it, the rest keeps its words. Pure."""

from __future__ import annotations

import re

SHORT = re.compile(
    r"\\\((.+?)\\\)|\\\[(.+?)\\\]|\$\$(.+?)\$\$|\$((?![\s\d])[^$\n]*[\\^_={][^$\n]*?)(?<!\s)\$(?!\d)",
    re.DOTALL,
)
"""A formula with its marks, as the voice knows it too; one of the groups is what it says."""
_OPEN = re.compile(r"\\\((?!.*\\\))|\\\[(?!.*\\\])|\$\$(?!.*\$\$)", re.DOTALL)
_CLOSES = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
_OPEN_DOLLAR = re.compile(r"(?<!\$)\$(?![\s\d$])[^$\n]*[\\^_={][^$\n]*$")
_HALF = re.compile(r"(?:\\[A-Za-z]*|[\^_]\s*\{?)$")
_SIGNS = {
    "times": "×", "cdot": "·", "div": "÷", "pm": "±", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠",
    "approx": "≈", "equiv": "≡", "infty": "∞", "sum": "∑", "prod": "∏", "int": "∫", "partial": "∂", "nabla": "∇",
    "to": "→", "rightarrow": "→", "leftarrow": "←", "Rightarrow": "⇒", "in": "∈", "forall": "∀", "exists": "∃",
    "dots": "…", "ldots": "…", "cdots": "…", "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε",
    "theta": "θ", "lambda": "λ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "omega": "ω",
    "Delta": "Δ", "Sigma": "Σ", "Omega": "Ω", "left": "", "right": "", "quad": " ", "displaystyle": "",
    "frac": "", "sqrt": "√",
}  # fmt: skip
_ABOVE = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_BELOW = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_ROOT = re.compile(r"\\sqrt\s*\{([^{}]*)\}")
_SCRIPT = re.compile(r"([\^_])\s*(?:\{([^{}]*)\}|(\w))")
_NAMED = re.compile(r"\\([A-Za-z]+)")


def closed(text: str) -> str:
    """`text` with the formula ended in which it breaks off."""
    found = _OPEN.search(text)
    if found is not None:
        inside = _ended(text[found.end() :])
        return text[: found.end()] + inside + _CLOSES[found.group()] if inside else text[: found.start()]
    found = _OPEN_DOLLAR.search(text)
    return f"{text[: found.start()]}${_ended(found.group()[1:])}$" if found is not None else text


def _ended(tex: str) -> str:
    tex = _HALF.sub("", tex).strip()
    return tex + "}" * (tex.count("{") - tex.count("}"))


def plain(tex: str) -> str:
    """What a formula says, in one line."""
    text = _FRACTION.sub(lambda found: f"{_whole(found[1])}/{_whole(found[2])}", tex)
    text = _ROOT.sub(lambda found: f"√{_whole(found[1])}", text)
    text = _SCRIPT.sub(_script, text)
    text = _NAMED.sub(lambda found: _SIGNS.get(found[1], found[1]), text)
    text = re.sub(r"\\[,;:!]|\\\\", " ", text)
    return " ".join(re.sub(r"[{}]|\\(?=\W)", "", text).split())


def _whole(part: str) -> str:
    return part if re.fullmatch(r"\\?\w+", part.strip()) else f"({part.strip()})"


def _script(found: re.Match[str]) -> str:
    sign, what = found[1], found[2] if found[2] is not None else found[3]
    table = _ABOVE if sign == "^" else _BELOW
    if what and all(ord(each) in table for each in what):
        return what.translate(table)
    return f"{sign}{_whole(what)}" if what else ""
