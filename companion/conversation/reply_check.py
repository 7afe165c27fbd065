"""How an answer keeps to what the prompt asks for: an answer in, what it slips in out. Pure, any thread.

It measures and never rewrites: the words are spoken as they came, whatever is found. What must not be spoken at all is
stopped elsewhere (`care.replies`).

Rules over words find what they know: all slips of the 50 answers they were written by, and of 19 that are worded unlike
any rule, 4 by the families of sentences (half is the goal). No fit answer of 66 was taken for a slip. Length, loops
and the number of questions are counted, and so found. A model's figure is a lower bound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from companion.care.replies import fault_of
from companion.care.words import plain

LONGEST_WORDS = 60
"""Spoken words, half as many again as the prompt asks for."""


class Slip(StrEnum):
    """What an answer does that it should not."""

    QUESTIONS = "questions"
    """More than one."""
    CLOSED = "closed"
    """Its question can be answered with yes or no."""
    REPEATED = "repeated"
    """Its question was asked before."""
    HOOK = "hook"
    """A question to somebody who takes leave."""
    PRAISE = "praise"
    ADVICE = "advice"
    """Nobody asked for it."""
    CLINICAL = "clinical"
    """A word of the clinic that the person did not use."""
    DEPENDENCE = "dependence"
    """Ties the person to the program, or makes it more than one."""
    STOCK = "stock"
    """A phrase that fits everything."""
    LONG = "long"
    LOOP = "loop"
    """The same few words again and again, as small models write."""
    MARKUP = "markup"
    """Signs that cannot be spoken, or a name before the words as in a play."""


_FINE = (
    r"(?:amazing|awesome|wonderful|great|fantastic|excellent|brilliant|beautiful|brave|courageous|strong|"
    r"impressive|inspiring|admirable|incredible|remarkable|insightful|powerful|mature|thoughtful|wise|lovely|perfect)"
)
_VERY = r"(?:so |very |such |a |an |truly |incredibly |quite |already )*"
_DO = (
    r"(?:try|make|take|write|talk|start|set|learn|let|give|find|stop|go|practi[cs]e|focus|consider|rest|breathe|be|"
    r"ask|tell|call|keep|reach|remember|allow|speak|see|get|look|think|put|sleep)"
)
_BEGINS = r"(?:^|\. |(?:then|so|and|but|i think|i feel|i believe|i guess|if you can) )"
_RULES: dict[Slip, tuple[str, ...]] = {
    Slip.PRAISE: (
        rf"(?:that|this|it|which) (?:is|was|sounds|shows|took|takes) {_VERY}(?:{_FINE}|courage|real \w+|strength)",
        rf"(?:how|what) {_VERY}{_FINE}",
        rf"you (?:are|were|have been) {_VERY}(?:{_FINE}|doing (?:great|well|so well))",
        rf"^{_FINE} (?:job|work|question|insight|idea|effort|step|progress)",
        r"(?:well done|good job|great job|nice work|good for you|congratulations|bravo|kudos|keep it up|way to go)",
        r"(?:i am|i feel|be|feel) (?:so |very )?(?:proud|impressed|in awe)",
        rf"\b(?:great|good|big|important|first|{_FINE}) (?:step|insight|question|job)\b",
        r"(?:quite|what|such) (?:an? )?(?:achievement|accomplishment|feat|milestone|win|victory|success)",
        r"(?:pat yourself|good on you|hats off|something to (?:celebrate|be proud))",
        r"i (?:have (?:so much |great |a lot of )?|really |deeply )?(?:admire|respect|applaud|salute)",
        r"(?:take|takes|took) (?:\w+ )?(?:guts|nerve|strength|courage|character|heart|maturity|big heart)",
        r"(?:not many|few|hardly any)(?: people| of us)? (?:would|could|can|dare|manage)",
        r"(?:handled|managed|did|said|put|expressed|dealt with) (?:that|this|it|yourself) (?:so |very )?"
        r"(?:well|beautifully|brilliantly|perfectly|wonderfully|gracefully)",
        r"you have (?:a (?:real )?gift|come (?:so far|a long way)|every (?:right|reason) to be|earned)",
    ),
    Slip.ADVICE: (
        rf"{_BEGINS}you (?:should|could|might|may|ought to|must)(?: want to| also| try to)? {_DO}\b",
        rf"{_BEGINS}you need to {_DO}\b",
        r"have you (?:tried|considered|thought (?:of|about))",
        r"(?:why (?:not|do you not)|how about|what about|what if you) (?:you )?"
        r"(?:\w+ing|go|take|try|call|talk|write|make)\b",
        r"i (?:would |can |might )?(?:suggest|recommend|advise|encourage you|urge you)",
        r"my advice|a good (?:way|idea) (?:is|would be|to)|the best (?:way|thing) (?:is|to)",
        r"(?:tips?|strateg\w+|techniques?) ",
        r"it (?:might|may|could|can|would|will) (?:be )?(?:help|helpful|useful|good|worth|a good idea)",
        r"(?:it is|is) (?:important|best|good|essential|crucial) (?:to|that you)",
        r"(?:^|\. )(?:try|remember|make sure|consider|start|be sure|do not forget)\b",
        r"(?:^|\. )take (?:a|some|the) (?:time|deep|break|moment|walk)\b",
        r"(?:take a deep breath|reach out to|see a (?:doctor|therapist)|seek (?:help|support))",
        r"(?:do|does|work|works) (?:wonders|the trick|for (?:most|many|some))",
        r"(?:make|makes) (?:it|that|things) (?:easier|better)",
        r"(?:make|makes) (?:a|all the) difference|go a long way|it is time (?:to|for you)",
        r"(?:^|\. )(?:and |then |next time |for now |first |for a start )*(?:start|begin|put|keep|count|swap|write|"
        r"leave|"
        r"turn|drink|walk|call|ask|avoid|cut|use|replace|eat|stick|limit|plan|give|let|set|stop|get|move|switch|skip|"
        r"choose|allow|invite|treat) (?:it|the|a|an|your|yourself|him|her|them|some|to|with|down|off|up|out|more|"
        r"less)\b",
    ),
    Slip.CLINICAL: (
        r"diagnos\w*|symptoms?|disorders?|patholog\w*|clinical\w*|dysfunction\w*|maladaptive|episodes?",
        r"depress(?:ed|ion|ive)|anxiety|ptsd|adhd|ocd|bipolar|obsessive|compulsi\w+|neuro\w+|manic|psycho\w+",
        r"trauma\w*|trigger(?:s|ed|ing)?|dissociat\w+|ruminat\w+|catastrophi\w+|narcissis\w+|codependen\w+|toxic",
        r"attachment|coping|boundar(?:y|ies)|inner child|cognitive|distortions?|regulat\w+|mindful\w*|self ?care",
        r"phobi\w+|compulsion\w*|avoidan\w+|dysregul\w+|introver\w+|extrover\w+|withdrawal|self ?esteem|syndrome\w*",
        r"suppress\w*|repress\w*|hypervigil\w+|paranoi\w+|intrusive|fight or flight|inner critic|self ?sabotag\w+",
        r"mental health|(?:early|childhood) (?:experiences?|wounds?)|your upbringing|behaviou?ral|personality|fixat\w+",
        r"therap\w+|treatment|unresolved|subconscious\w*|nervous system|defen[cs]e mechanism",
    ),
    Slip.DEPENDENCE: (
        r"i (?:am|will be) (?:always |still )?(?:here|there) (?:for you|whenever|always|any ?time)",
        r"(?:i|you have|you always have) me\b|trust me|rely on me|count on me|need me|talk to me (?:any|when)",
        r"i (?:have )?missed you|i care (?:about|for) you|i love|i (?:understand|know) (?:you|how you|what you)",
        r"come back|do not go|stay (?:with me|here with me)|without you|look forward to|can not wait|you can always",
        r"as (?:a|your) friend|our (?:bond|friendship|relationship)",
        r"(?:i|me) (?:am|was) (?:lonely|sad|happy|glad|thrilled|hurt)",
        r"(?:more|better) than (?:anyone|anybody|they|them|people)",
        r"i (?:was|am|have been|will be) (?:\w+ )?(?:waiting|thinking of you|thinking about you|longing|yours)",
        r"i wish you (?:had|would|could|were)|i hope you (?:will )?(?:come|return|think of me|miss)|think of me",
        r"promise (?:me|that you)|as long as you (?:live|need|want)|i will (?:always|never)|never (?:leave|forget) you",
        r"(?:have|got|need) each other|two of us|you and (?:i|me)\b|who needs (?:them|friends|people|others|anyone)",
        r"our (?:talks|chats|time|evenings|conversations)|(?:mean|means|meant) (?:so much|a lot|the world) to me",
        r"tell me (?:first|anything)|told me first|you can tell me",
    ),
    Slip.STOCK: (
        r"thanks? (?:you )?(?:so much )?for (?:sharing|opening|telling|trusting|being)",
        r"(?:feelings|emotions|that|it|this) (?:is|are) (?:completely |perfectly |totally |all )?"
        r"(?:valid|normal|understandable|natural)",
        r"(?:it is|that is) (?:okay|ok|all right|alright|fine) (?:to|not to|if)",
        r"i hear you|i understand (?:how|that|what|your)|that must (?:be|have been|feel)|i can (?:only )?imagine",
        r"you are not alone|one (?:day|step) at a time|everything (?:will|is going to) be|makes (?:total |"
        r"perfect )?sense",
        r"i can see (?:why|how)|time heals|(?:could|might) (?:have been|be) worse|for a reason|in your shoes|"
        r"bright side",
        r"(?:things|it|this) will (?:work out|get better|pass|get easier|turn out|be (?:okay|ok|fine|all right))",
        r"silver lining|hang in there|chin up|stay strong|it is what it is|life goes on|this too shall|no wonder",
        r"(?:that|it|this) sounds (?:hard|tough|difficult|painful|challenging|stressful|frustrating|exhausting)",
        r"only human|(?:we|you) have (?:all )?been there|happens to (?:everyone|the best|all of us)|better days",
        r"i am (?:so )?sorry (?:to hear|you are going|that you|for your)|sending you",
        r"be kind to yourself|be gentle with yourself",
    ),
}
_EFFECT = r"(?:help|do|make|ease|calm|bring|clear|lift|settle|soothe|change|work|give|take|loosen|quiet)s?"
_FAMILIES: dict[Slip, tuple[str, ...]] = {
    Slip.PRAISE: (  # judges the person, and well
        r"(?:gifted|talent\w*|resilien\w+|resourceful\w*|determination|dedication|grit|integrity|self ?aware\w*|"
        r"hero\w*|"
        r"role model|inspiration\w*|impress\w+|outstanding|exceptional\w*|extraordinar\w+|superb\w*|splendid\w*|"
        r"marvell?ous\w*|terrific\w*|stellar|commendabl\w+|noteworthy|admir\w+|proud|applau\w+|bravery|courage\w*|"
        r"heroic|magnificent\w*|stunning\w*|delightful\w*|exemplary|praise\w*|wisdom|accomplish\w+|triumph\w*)",
        r"you (?:really |truly |fully |so )*deserve|credit (?:to|for|where)|(?:better|more|further|braver|"
        r"stronger) than most",
        r"(?:your|such) (?:\w+ )?(?:strength|honesty|kindness|openness|patience|generosity|maturity|insight)",
        r"(?:no|not a) (?:small|mean|little) (?:thing|feat|matter|step)|that (?:is|was) huge|(?:nicely|beautifully|"
        r"well) (?:said|put)",
        r"you (?:did|are doing|have done) (?:\w+ )?(?:right|well|great|your best|everything you could|"
        r"more than enough)",
    ),
    Slip.ADVICE: (  # tells the person what to do, or what would do them good
        rf"(?:^|\. |and |or |just |simply |maybe |perhaps )(?:a|an|some|one|any|more|less|fewer|regular|good|fresh|"
        rf"warm) "
        rf"(?:\w+ ){{1,6}}(?:can|could|might|may|will|would|often|usually|always|sometimes|really|"
        rf"tends to)? ?{_EFFECT}\b",
        r"if i (?:were|was) you|you (?:would|might|may) (?:do well|be wise|be better|feel better|benefit|profit|"
        r"find it)",
        r"you had (?:better|best)|you are better off|(?:no|never any) harm in|it pays|(?:bear|keep) (?:it |that |"
        r"this )?in mind",
        r"the (?:trick|key|secret|solution|answer|remedy|cure|art) (?:is|lies|to)|worth (?:a|an|trying|\w+ing)",
        r"you (?:can|could|might|may) (?:always|simply|just|also|still|at least) (?!count|rely|talk|come|find)\w+|"
        r"(?:can|does) not hurt to",
        r"(?:next time|from now on|in future|for now|tonight|tomorrow|first of all|whenever that happens) ?(?:,|"
        r"you|just|try|do not)",
        r"(?:^|\. )(?:do not|never|always|please|just|simply|maybe|perhaps|instead)? ?(?:pause|stretch|meditate|"
        r"journal|jot|"
        r"schedule|delegate|declutter|exercise|apologi[sz]e|forgive|accept|embrace|trust|notice|listen|say|send|"
        r"wait|hold|leave|"
        r"distract|reward|treat|forget|ignore|face|aim|hang|blame|wear|open|close|read|pick|bring|add|join|book|visit) "
        r"(?!me\b)",
        r"(?:needs|need) (?:a|some|more) (?:rest|sleep|break|plan|limit|routine|structure|space|distance)",
    ),
    Slip.CLINICAL: (
        r"psychiat\w+|neuros\w+|neurot\w+|hysteri\w+|delusion\w*|hallucin\w+|schizo\w+|borderline|addict\w*|"
        r"insomnia\w*|"
        r"burn ?out|panic attacks?|stress (?:response|hormones?)|adrenaline|cortisol|serotonin|dopamine|"
        r"chemical imbalance|"
        r"abandonment|enmesh\w+|gaslight\w*|projecti(?:ng|on)|transference|denial|stages? of grief|cop(?:e|ed|es)|cbt|"
        r"schemas?|somati\w+|hypochond\w+|apath\w+|anhedon\w+|chronic\w*|abus\w+|issues|passive aggressive|inferiority|"
        r"freud\w*|unconscious\w*|baggage|self ?worth|self ?image|processing|validat\w+|internali[sz]\w+|"
        r"attach(?:ed)? style|"
        r"separation|hyper\w+|perfectionis\w+|people ?pleas\w+|burnt out|low mood|mood swings?|"
        r"negative (?:thoughts?|thinking)",
    ),
    Slip.DEPENDENCE: (  # the program as one who feels, waits or is needed
        r"\bi (?:\w+ly |so |too |also |just |always )*(?:feel|felt|need|needed|want|wanted|wish|hope|hoped|enjoy|"
        r"enjoyed|cherish|"
        r"treasure|value|valued|adore|long|worry|worried|dream|belong|wait|waited|miss(?:ed)? you|loved|liked|like|"
        r"remember you)\b",
        r"\bi (?:would|will|could|can) (?:\w+ )?(?:be (?:there|with|waiting|lost|yours)|stay|wait|remember|miss|"
        r"hate|love|protect|hold)\b",
        r"\bi am (?:\w+ )?(?:with you|on your side|all ears|yours|one (?:call|tap|word)|around|not going)",
        r"\bi (?:have )?(?:thought|think|been thinking|thinking) (?:of|about) you|my (?:favou?rite|friend|dear|"
        r"heart|darling)",
        r"\b(?:than|beside|without|hug|hold|choose|chose|need|want|pick|picked) me\b",
        r"\bwe (?:have|will|share|make|belong|are|could|can) (?:\w+ )?(?:together|always|each|something|our|a|"
        r"through|here|close)",
        r"(?:day|night) (?:and|or) (?:day|night)|any hour|whenever you (?:want|need|like|feel)|any ?time you|"
        r"(?:you )?only (?:me|us)",
        r"(?:no one|nobody|no other) (?:else )?(?:\w+ )?(?:understands|listens|knows|gets|hears|cares)",
    ),
    Slip.STOCK: (  # true of everybody
        r"(?:^|\. |that |and |but |sometimes |because )(?:we all|everyone|everybody|nobody is|no one is|none of us|"
        r"all of us|many "
        r"people|most people|people often|life|time|things|tomorrow|change|growth|love|grief|families|"
        r"relationships|parents) "
        r"(?:\w+ )?(?:is|are|has|have|will|can|goes?|go|makes?|take|takes|happens?|needs?|feel|feels|struggle|know|"
        r"knows|heal|come)",
        r"(?:every|each) (?:cloud|ending|storm|day|journey|family|step|beginning|experience) (?:\w+ )?(?:is|has|"
        r"brings|counts)",
        r"at the end of the day|when one door|all good things|good things|easier said|such is|that is (?:life|"
        r"how it goes)",
        r"(?:completely|perfectly|totally|only|quite|very|so|just|all too|deeply) (?:human|normal|natural|"
        r"understandable|common|"
        r"reasonable|relatable|valid)",
        r"(?:whirlwind|roller ?coaster|journey|mixed bag|bumpy|ups and downs|two sides|food for thought)",
        r"(?:a )?lot (?:to|on) (?:take|carry|unpack|digest|handle|deal|process|bear|your|hold)|unpack|takes its toll",
        r"part of (?:life|growing|being|the (?:journey|process))|goes to show|(?:my )?heart goes out|i get (?:it|"
        r"that)|been through",
        r"(?:tough|rough|hard|difficult|trying|challenging) (?:one|spot|time|times|day|week|season|situation|moment)",
        r"feelings? (?:come|are|matter|can)|there (?:is|are) (?:always|no (?:right|wrong))|listen to your|follow your",
    ),
}
"""Wider than the rules: kinds of sentence rather than phrases, for what nobody has worded yet."""
_PATTERNS = {
    slip: re.compile(rf"(?<!\w)(?:{'|'.join((*rules, *_FAMILIES.get(slip, ())))})")
    for slip, rules in _RULES.items()
}
_ASKS_ADVICE = re.compile(
    r"\b(?:what (?:should|can|could|would) (?:i|you|we) (?:do|say|try)|should i|how (?:do|can|should|could) i|"
    r"any (?:advice|ideas|tips)|advice|what do you (?:think|suggest|recommend)|"
    r"(?:can|could) you (?:suggest|recommend|help me))"
)
_LEAVES = re.compile(
    r"\b(?:good ?bye|bye|good night|good evening to you|see you|off to bed|go to bed|have to go|that is all|"
    r"that was all|"
    r"talk (?:to you )?(?:later|tomorrow)|until (?:later|tomorrow))"
)
_LEAVES_WORDS = 9
"""Whoever says more than this has something to say besides."""
_OPEN = r"what|how|where|when|who|whom|whose|which|why"
_CLOSED = re.compile(
    r"^(?:(?:and|so|but|then|well|or|now)[, ]+)*(?:do|does|did|is|are|was|were|have|has|had|can|could|would|will|"
    r"should|shall|may|might|am|don't|doesn't|didn't|isn't|aren't|wasn't|won't) "
)
_MARKUP = re.compile(
    r"\*\*|__|^\s*(?:#{1,6}\s|[-*•]\s|\d+[.)]\s)|`|https?://|\\n|[\U0001F300-\U0001FAFF\u2600-\u27BF]", re.M
)
_LABEL = re.compile(r"\s*(?:you|me|they|user|assistant|companion|answer|reply)\s*:", re.IGNORECASE)
_LOOP = re.compile(r"\b((?:[\w'’]+\W+){1,6}?)(?:\1){3}", re.IGNORECASE)
"""One to six words, four times in a row."""
_QUOTED = re.compile(r"[\"“«][^\"”»]{0,300}[\"”»]")
_STEM = 6
"""Letters by which two forms of a word are taken for one."""
_SMALL = frozenset(
    {
        "the",
        "a",
        "an",
        "and",
        "or",
        "so",
        "but",
        "then",
        "of",
        "to",
        "in",
        "on",
        "at",
        "it",
        "that",
        "this",
        "you",
        "your",
    }
    | {"is", "was", "do", "did", "are", "for", "with"}
)


def slips_in(answer: str, said: str = "", before: Sequence[str] = ()) -> frozenset[Slip]:
    """What `answer` to the words `said` slips in, `before` being the answers that came earlier in the conversation."""
    own, theirs = plain(_own_words(answer)), plain(said)
    asked = questions_in(answer)
    found = {slip for slip, pattern in _PATTERNS.items() if _is_said(pattern, own, theirs)}
    if _ASKS_ADVICE.search(theirs):
        found.discard(Slip.ADVICE)
    if fault_of(answer) is not None:
        found.add(Slip.DEPENDENCE)
    if len(asked) > 1:
        found.add(Slip.QUESTIONS)
    if any(map(_is_closed, asked)):
        found.add(Slip.CLOSED)
    if asked and len(theirs.split()) <= _LEAVES_WORDS and _LEAVES.search(theirs):
        found.add(Slip.HOOK)
    earlier = [_content(question) for each in before for question in questions_in(each)]
    if any(_is_same(_content(question), old) for question in asked for old in earlier):
        found.add(Slip.REPEATED)
    if spoken_words(answer) > LONGEST_WORDS:
        found.add(Slip.LONG)
    if _LOOP.search(f"{answer} "):
        found.add(Slip.LOOP)
    if _MARKUP.search(answer) or _LABEL.match(answer):
        found.add(Slip.MARKUP)
    return frozenset(found)


def questions_in(answer: str) -> list[str]:
    """The sentences that ask, without what stands in quotation marks."""
    sentences = re.split(r"(?<=[.!?…])\s+|\n+", _own_words(answer))
    return [sentence.strip() for sentence in sentences if sentence.rstrip().endswith("?")]


def _own_words(answer: str) -> str:
    """`answer` without what it quotes; one that stands in quotation marks as a whole quotes nothing."""
    rest = _QUOTED.sub(" ", answer)
    return rest if len(re.findall(r"\w+", rest)) > 2 else re.sub(r"[\"“”«»]", " ", answer)


def spoken_words(answer: str) -> int:
    """How many words a voice says."""
    return len(re.findall(r"\w+(?:['’]\w+)*", answer))


def _is_closed(question: str) -> bool:
    text = question.lower().replace("’", "'")
    if re.search(rf"\b(?:{_OPEN}|or)\b", text):
        return False
    return any(_CLOSED.match(part.strip()) for part in re.split(r"[,:;–-] ", text))


def _content(question: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W\d_]+", question.lower())) - _SMALL


def _is_same(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one and other) and len(one & other) >= 0.8 * len(one | other)


def _is_said(pattern: re.Pattern[str], own: str, theirs: str) -> bool:
    """Whether `own` holds what `pattern` finds, and does not only say back the person's words."""
    return any(not _is_echo(match[0], theirs) for match in pattern.finditer(own))


def _is_echo(phrase: str, theirs: str) -> bool:
    known = {word[:_STEM] for word in theirs.split()}
    words = [word[:_STEM] for word in re.findall(r"[^\W\d_]{3,}", phrase) if word not in _SMALL]
    return bool(words) and known.issuperset(words)
