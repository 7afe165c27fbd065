"""Whole talks with the offline guide, one text file each, for a reader to judge.

python -m tests.providers.guide_dialogues          writes build/dialogues/*.txt, and open talks into build/dialogues/open
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from companion.flow import ChatRequest, Message, Speaker
from companion.practices import find_practice
from companion.providers.here.guide.provider import write_answer

TALKS: dict[str, tuple[int, tuple[str, ...]]] = {
    "gratitude": (
        20,
        (
            "The soup my neighbour brought when I had the flu.",
            "It was hot and there was too much pepper in it.",
            "She heard me cough through the wall, I think.",
            "The first sun on the balcony this morning.",
            "I want to return the pot with something in it.",
            "Thank you.",
        ),
    ),
    "evening-review": (
        21,
        (
            "i see my son at the door with his school bag on the wrong way round",
            "The day asked me to be in two places at once.",
            "The call with my mother took a lot and the walk after lunch gave some of it back.",
            "Give me another question.",
            "The report for my boss is still open.",
            "My son laughing in the bath.",
            "Good night.",
        ),
    ),
    "stillness": (
        23,
        (
            "The fridge is humming.",
            "My breath gets slower.",
            "Stay here.",
            "My shoulders are up at my ears.",
            "Go on.",
            "A car, and then nothing.",
            "skip",
            "I feel calm.",
            "That's all.",
        ),
    ),
    "intention": (
        8,
        (
            "I have a job interview at 2:30.",
            "I have been out of work for 8 months.",
            "I would like to be patient with myself.",
            "They will ask about the gap and I will talk too fast.",
            "I will breathe once before every answer.",
            "bye",
        ),
    ),
    "difficult-feeling": (
        19,
        (
            "I am jealous of my sister.",
            "jealous, yes, like a small hot stone",
            "In my throat.",
            "No, that's not what I meant.",
            "I mean it sits under the ribs.",
            "It wants me to be seen too.",
            "I would say, you were the older one, you had to be good.",
            "I could tell my husband a little.",
            "thanks, good night",
        ),
    ),
    "decision": (
        15,
        (
            "If I take the job in Hamburg or stay here.",
            "I have to answer by the 15th and my daughter has two more years at school.",
            "I would wake up and be curious, and then I would think of my daughter.",
            "My father's voice. He never left the village.",
            "I could ask my daughter what she thinks.",
            "What should I do?",
            "okay see you",
        ),
    ),
    "letter-to-self": (
        20,
        (
            "The one I was at 19, when I left home.",
            "Dear Mira, you have one suitcase and no plan.",
            "You will find work in the bakery on the corner.",
            "I left out the winter when I called nobody.",
            "Sign it with my full name.",
            "Find it again when my son leaves home.",
        ),
    ),
    "put-down-a-worry": (
        23,
        (
            "The test results of my wife come on Friday.",
            "that it is something bad and i have to be strong and i am not",
            "I can drive her there. The rest is not in my hands.",
            "I could ask my brother to take the kids on Friday.",
            "Until Thursday evening.",
            "My dog died last year and it is the same doctor's road.",
            "Let's leave it there.",
        ),
    ),
    "talk-ahead": (
        17,
        (
            "My flatmate, about the rent.",
            "She owes me 450 since August and she bought a new phone.",
            "That she pays, and that we can still eat together.",
            "She could be afraid that I throw her out.",
            "I would say, I need to talk about the rent and I do not want to fight.",
            "That was helpful, thank you.",
        ),
    ),
    "open-reflection": (
        10,
        (
            "um i don't really know where to start",
            "so my boss she said i was too slow and i went home and i did not tell my husband",
            "I have worked there for 15 years.",
            "Are you a real person?",
            "ok well i am tired of being the one who holds it all together",
            "My husband would listen, but I don't want to worry him.",
            "I could tell him on the walk tonight.",
            "It helped to say it.",
            "I have to go now.",
        ),
    ),
}  # fmt: skip


def talk(practice: str, hour: int, said: Sequence[str]) -> str:
    """The whole conversation as text, from the opening to the last answer."""
    lines = [f"Guide:  {find_practice(practice).opening(hour)}"]
    messages: list[Message] = []
    for words in said:
        messages.append(Message(Speaker.USER, words))
        reply = write_answer(ChatRequest(messages=tuple(messages), practice=practice))
        messages.append(Message(Speaker.ASSISTANT, reply))
        lines += [f"Person: {words}", f"Guide:  {reply}"]
    return "\n".join(lines) + "\n"


def open_talks() -> dict[str, list[str]]:
    """Name -> what the person says, of `tests/data/guide/talks.txt`."""
    text = (Path(__file__).parent.parent / "data" / "guide" / "talks.txt").read_text("utf-8")
    sections = (section.strip().splitlines() for section in text.split("\n## ")[1:])
    return {name: [line for line in lines if line] for name, *lines in sections}


def main(folder: Path = Path("build/dialogues")) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for practice, (hour, said) in TALKS.items():
        path = folder / f"{practice}.txt"
        path.write_text(talk(practice, hour, said), "utf-8")
        print(path)
    (folder / "open").mkdir(exist_ok=True)
    for name, told in open_talks().items():
        path = folder / "open" / f"{name}.txt"
        path.write_text(talk("open-reflection", 20, told), "utf-8")
        print(path)


if __name__ == "__main__":
    main()
