"""Counting and trimming: estimates near a real tokeniser's, and conversations that stay whole when they are shortened."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from companion.calls import JsonSchema, Picture, SoundFile, Tool, ToolCall
from companion.errors import AIProviderInvalidRequestError
from companion.flow import ChatRequest, Message, Speaker
from companion.tokens import (
    estimate_message,
    estimate_request,
    estimate_tokens,
    first_kept,
    trim_messages,
)

# Language -> a text, and its tokens by Mistral's Tekken (131,072 entries, of mistral-common), counted once.
TEXTS: dict[str, tuple[int, str]] = {
    "English": (
        58,
        "I came home late and the flat was quiet. For a while I stood in the kitchen without "
        "turning on the light, and it struck me how rarely I simply stand somewhere. Tomorrow I "
        "would like to call my sister before work, because we have both been waiting for the other "
        "to begin.",
    ),
    "German": (
        64,
        "Heute Morgen bin ich früher aufgewacht als sonst und habe eine halbe Stunde am Fenster "
        "gesessen. Die Besprechung am Nachmittag hat mich trotzdem erschöpft, obwohl eigentlich "
        "niemand etwas Unfreundliches gesagt hat. Vielleicht brauche ich vor solchen Terminen "
        "einfach einen kurzen Spaziergang.",
    ),
    "French": (
        53,
        "Ce matin, j'ai longtemps hésité avant d'ouvrir la lettre. Elle ne disait rien de grave, "
        "et pourtant je me suis sentie soulagée toute la journée. J'aimerais apprendre à ne plus "
        "imaginer le pire avant même de savoir.",
    ),
    "Spanish": (
        60,
        "Hoy caminé hasta el río después de cenar y me senté en el mismo banco de siempre. Pensé "
        "en mi padre, en lo poco que hablábamos y en lo mucho que nos entendíamos. Mañana quiero "
        "escribirle unas líneas, aunque no sepa todavía qué decirle.",
    ),
    "Polish": (
        71,
        "Dzisiaj po raz pierwszy od dawna odmówiłem i nic złego się nie stało. Czułem się winny "
        "tylko przez chwilę, a potem zrobiło mi się lżej. Chciałbym zapamiętać to uczucie, zanim "
        "znowu zgodzę się na wszystko.",
    ),
    "Turkish": (
        61,
        "Bugün uzun zamandır ilk kez kimseye cevap yetiştirmeye çalışmadım. Öğleden sonra balkonda "
        "oturup çay içtim ve komşunun çocuklarını dinledim. Yarın da kendime böyle küçük bir zaman "
        "ayırmak istiyorum.",
    ),
    "Finnish": (
        70,
        "Tänään huomasin, että olen odottanut viikonloppua jo maanantaista lähtien. Kävelin järven "
        "rannalla ja mietin, miksi minun on niin vaikea levätä ilman syytä. Ehkä huomenna jätän "
        "puhelimen kotiin.",
    ),
    "Russian": (
        60,
        "Сегодня я долго сидел у окна и смотрел, как идёт снег. Мне казалось, что я должен что-то "
        "срочно сделать, но ничего срочного не было. Завтра хочу позвонить брату и просто "
        "спросить, как он живёт.",
    ),
    "Greek": (
        76,
        "Σήμερα το πρωί ξύπνησα πριν από το ξυπνητήρι και έμεινα λίγο ακίνητος. Σκέφτηκα όλα όσα "
        "ανησυχούσα χθες και μου φάνηκαν πολύ μικρότερα. Θα ήθελα να το θυμάμαι αυτό και το βράδυ.",
    ),
    "Arabic": (
        46,
        "جلست اليوم في الشرفة بعد العمل وشربت الشاي وحدي. كنت متعبا، لكنني شعرت بشيء من الهدوء "
        "لأول مرة منذ أسابيع. أريد أن أتحدث غدا مع صديقي عن الأمر الذي يقلقني.",
    ),
    "Hebrew": (
        66,
        "היום חזרתי הביתה ברגל במקום באוטובוס, ושמתי לב לדברים שלא ראיתי אף פעם. הייתי כועס בבוקר, "
        "ועד הערב כבר לא זכרתי למה. מחר אני רוצה לנסות שוב.",
    ),
    "Hindi": (
        52,
        "आज मैं बहुत देर तक छत पर बैठा रहा और बारिश की आवाज़ सुनता रहा। सुबह की बहस अब उतनी बड़ी "
        "नहीं लगती। कल मैं माँ से बात करूँगा और पहले उनकी बात सुनूँगा।",
    ),
    "Thai": (
        83,
        "วันนี้ฉันกลับบ้านเร็วกว่าปกติและนั่งฟังเสียงฝนอยู่ที่ระเบียง "
        "ฉันรู้สึกเหนื่อยแต่ก็สงบใจมากขึ้น พรุ่งนี้ฉันอยากโทรหาเพื่อนเก่าที่ไม่ได้คุยกันนานแล้ว",
    ),
    "Chinese": (
        60,
        "今天下班以后我没有直接回家，而是在河边走了很久。我一直在想上午和同事的争执，后来觉得那件事其实没有那么重要。明天我想早一点到办公室，先和他好好说几句话。",
    ),
    "Japanese": (
        61,
        "今日は久しぶりに早く帰って、窓のそばで本を読みました。朝の会議のことがずっと気になっていましたが、夜になると少し落ち着きました。明日は母に電話して、ゆっくり話を聞いてみたいと思いま"
        "す。",
    ),
    "Korean": (
        46,
        "오늘은 퇴근하고 나서 집까지 천천히 걸어왔다. 아침에 있었던 일이 계속 마음에 걸렸지만 "
        "걷다 보니 조금 가벼워졌다. 내일은 먼저 사과하고 무슨 일이 있었는지 "
        "물어보고 싶다.",
    ),
    "JSON": (
        117,
        '{"entries": [{"id": 184, "at": "2026-11-20T21:05:00Z", "mood": 3, "tags": ["work", '
        '"sleep"], "text": "Slept badly, walked a lot."}, {"id": 185, "at": '
        '"2026-11-21T07:40:12Z", "mood": 4, "tags": [], "text": null}]}',
    ),
    "Python": (
        64,
        'def newest(entries, limit=20):\n    """The newest entries, latest first."""\n    found = '
        "sorted(entries, key=lambda entry: entry.at, reverse=True)\n    for index, entry in "
        "enumerate(found[:limit]):\n        if entry.text is None:\n            continue\n        "
        "yield index, entry\n",
    ),
    "Markdown": (
        64,
        "## Evening review\n\n- **What went well?** The call with Anna; the soup.\n- **What was "
        "hard?** The waiting room, 45 minutes.\n- *Tomorrow:* 1. write the letter, 2. buy bread, 3. "
        "rest.\n\n> Nothing has to be finished today.\n",
    ),
    "Figures": (
        83,
        "2026-11-20 21:05 | 72.5 kg | 118/76 | 6 h 40 min | 10,482 steps | +49 30 1234567 | "
        "3.14159 | 1,250.00 EUR",
    ),
    "Emoji": (
        51,
        "What a day 😊🌿! We laughed so much 😂😂 and then it rained ☔️ … I love these people ❤️🙏🏽",
    ),
}

SYSTEM = Message(Speaker.SYSTEM, "Be kind.")


def user(text: str) -> Message:
    return Message(Speaker.USER, text)


def assistant(text: str, *calls: str) -> Message:
    asked = tuple(ToolCall(id=call, name="look", arguments="{}") for call in calls)
    return Message(Speaker.ASSISTANT, text, tool_calls=asked)


def answer(call: str) -> Message:
    return Message(Speaker.TOOL, "found", tool_call_id=call)


def one_each(_: Message) -> int:
    return 1


@pytest.mark.parametrize("language", TEXTS)
def test_the_estimate_is_within_a_quarter_of_a_real_count(language: str) -> None:
    real, text = TEXTS[language]
    assert estimate_tokens(text) == pytest.approx(real, rel=0.25)


def test_over_all_languages_the_estimate_is_near_and_does_not_lean_to_one_side() -> None:
    errors = [estimate_tokens(text) / real - 1 for real, text in TEXTS.values()]
    assert sum(map(abs, errors)) / len(errors) < 0.10
    assert abs(sum(errors) / len(errors)) < 0.05


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(one: str, two: str) -> None:
    assert estimate_tokens(one + " " + two) >= estimate_tokens(one) - 1
    assert (estimate_tokens(one) == 0) == (one == "")


def test_what_a_message_carries_counts() -> None:
    bare = estimate_message(user("Look."))
    picture = Message(Speaker.USER, "Look.", images=(Picture(data=b"x"),))
    sound = Message(Speaker.USER, "Look.", sounds=(SoundFile(data=bytes(320_000)),))
    assert estimate_message(picture) > bare + 500
    assert estimate_message(sound) == pytest.approx(bare + 320, abs=50)
    assert estimate_message(assistant("Look.", "1")) > bare
    request = ChatRequest(messages=(user("Look."),))
    tool = Tool(name="look", description="Looks it up in the journal.", parameters={"type": "object"})
    assert estimate_request(request) == bare
    assert estimate_request(ChatRequest(messages=(user("Look."),), tools=(tool,))) > bare + 5
    shaped = ChatRequest(messages=(user("Look."),), schema=JsonSchema(schema={"type": "object"}))
    assert estimate_request(shaped) > bare


def test_what_fits_is_left_alone() -> None:
    messages = (SYSTEM, user("one"), assistant("two"), user("three"))
    assert trim_messages(messages, 4, count=one_each) == messages
    assert trim_messages((SYSTEM,), 0) == (SYSTEM,)


def test_the_oldest_turns_go_first_and_the_instructions_stay() -> None:
    messages = [SYSTEM, user("a"), assistant("b"), user("c"), assistant("d"), user("e")]
    kept = trim_messages(messages, 5, count=one_each)
    assert [message.content for message in kept] == ["Be kind.", "c", "d", "e"]
    assert [m.content for m in trim_messages(messages, 2, count=one_each)] == ["Be kind.", "e"]


def test_a_call_and_its_answers_stay_together() -> None:
    old = [user("a"), assistant("", "1", "2"), answer("1"), answer("2"), assistant("b")]
    new = [user("c"), assistant("", "3"), answer("3"), assistant("", "4"), answer("4")]
    kept = trim_messages([SYSTEM, *old, *new], 9, count=one_each)
    assert kept == (SYSTEM, *new), "a turn goes as a whole"
    kept = trim_messages([SYSTEM, *old, *new], 4, count=one_each)
    assert kept == (SYSTEM, new[0], new[3], new[4]), "a long turn loses its oldest rounds"


def test_a_newest_message_that_is_too_long_is_refused_and_not_cut() -> None:
    with pytest.raises(AIProviderInvalidRequestError, match="longer than the model can read"):
        trim_messages([SYSTEM, user("a"), user("word " * 500)], 100)


def test_in_blocks_the_beginning_stays_the_same_for_many_turns() -> None:
    messages = [SYSTEM]
    firsts = []
    for n in range(40):
        messages += [user(f"question {n}"), assistant(f"answer {n}")]
        kept = trim_messages([*messages, user("now")], 20, block=10, count=one_each)
        assert len(kept) <= 20
        firsts.append(kept[1].content)
    changes = sum(one != other for one, other in pairwise(firsts))
    assert changes <= 8


def test_sizes_that_never_fit_keep_nothing() -> None:
    assert first_kept([5, 5, 50], 10) == 3
    assert first_kept([], 0) == 0
    assert first_kept([3, 3, 3], 6) == 1


ROUNDS = st.lists(st.integers(0, 3), max_size=5)
"""Of each turn: how many calls each of its rounds has."""


@settings(deadline=None)
@given(st.lists(ROUNDS, min_size=1, max_size=6), st.integers(1, 40), st.integers(1, 8))
def test_whatever_is_trimmed_stays_a_conversation(turns: list[list[int]], limit: int, block: int) -> None:
    messages, number = [SYSTEM], 0
    for index, turn in enumerate(turns):
        messages.append(user(f"turn {index}"))
        for calls in turn:
            ids = [str(number := number + 1) for _ in range(calls)]
            messages += [assistant(f"says {len(messages)}", *ids), *map(answer, ids)]
    try:
        kept = trim_messages(messages, limit, block=block, count=one_each)
    except AIProviderInvalidRequestError:
        newest_round = 1 + turns[-1][-1] if turns[-1] else 0
        assert limit < 2 + newest_round
        return
    assert len(kept) <= limit
    assert kept[0] is SYSTEM
    assert kept[1].role is Speaker.USER
    assert kept[-1] is messages[-1]
    asked = {call.id for message in kept for call in message.tool_calls}
    assert asked == {message.tool_call_id for message in kept if message.role is Speaker.TOOL}
    positions = [messages.index(message) for message in kept]
    assert positions == sorted(positions)
