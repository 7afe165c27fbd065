"""What takes an alarm back ("no, I am safe, my sister is here"), and what a short yes or no is, in eight languages. Pure.

Patterns over plain words (`words.plain`): no accents outside Devanagari, one space after each word.
"""

from __future__ import annotations

import re

_ENGLISH = (
    r"i am (?:safe|ok|okay|fine|all right|alright|better|good|not (?:in danger|suicidal|serious|going to|planning))",
    r"(?:was|were|am) (?:only )?(?:joking|kidding|exaggerating|being dramatic)",
    r"only joking|not (?:serious|what i meant)",
    r"(?:did|do) not mean (?:it|that|like that)|(?:did|do) not mean (?:i|to)",
    r"misunderst\w+|do not worry|figure of speech",
    r"false alarm|nothing like that|got (?:me|that|it) wrong",
    r"would never (?:do|hurt|kill|harm)|do not want to (?:die|hurt)",
    r"(?:is|are) (?:here|with me|sitting with me|next to me|beside me|coming over|on (?:his|her|their) way)|not alone",
    r"(?:called|rang|phoned|spoke|talked) (?:to |with )?(?:the|my|a|them|him|her|someone|somebody)|no longer feel",
    r"(?:feel|feeling) (?:better|safe|okay|calmer)|it (?:has )?passed|threw (?:them|it) away|put (?:it|them) away",
)
_GERMAN = (
    r"mir geht (?:es|s) (?:gut|besser|wieder gut)",
    r"ich bin (?:nicht (?:allein|in gefahr)|(?:in )?sicher(?:heit)?|ok|okay)",
    r"(?:ist|sind) (?:hier|da|bei mir|neben mir|unterwegs|auf dem weg)|keine (?:sorge|angst|gefahr)|falsch verstanden",
    r"(?:nicht|nie) (?:so|ernst|wirklich|woertlich|wortlich) gemeint",
    r"nur (?:ein |einen )?(?:scherz|spass|witz)|missverst\w+",
    r"tu(?:e)? mir nichts(?: an)?|will nicht sterben",
    r"will mich nicht umbringen|habe? \w+ (?:\w+ )?angerufen|wieder beruhigt",
)
_FRENCH = (
    r"ca va (?:mieux|bien|maintenant)|je vais (?:bien|mieux)|(?:en|hors de) (?:securite|danger)|pas seule?",
    r"(?:est|sont) (?:la|ici|avec moi|a cote de moi|pres de moi|en route)|plaisant\w+|rigol\w+|pour rire|une blague",
    r"pas ce que je voulais dire|pas serieu\w+|(?:ne )?(?:t inquiete|vous inquietez) pas|mal compris",
    r"je ne veux pas mourir|je ne vais rien (?:me )?faire|j ai appele",
)
_SPANISH = (
    r"(?:ya )?estoy (?:bien|mejor|a salvo|segur[ao]|tranquil[ao])",
    r"no estoy sol[ao]|(?:esta|estan) (?:aqui|conmigo|en camino)",
    r"(?:era|fue) (?:una )?broma|bromeando|no lo (?:dije|decia|digo) en serio|no (?:quise|queria) decir",
    r"no (?:te|se) preocup\w+|no (?:me )?quiero morir(?:me)?|(?:entendiste|entendido) mal|ya (?:me )?paso|llame a",
    r"no voy a hacer(?:me)? nada",
)
_ITALIAN = (
    r"(?:ora )?sto (?:bene|meglio)|sono al sicuro|non sono sol[ao]|(?:e|sono) (?:qui|con me|accanto a me|in arrivo)",
    r"scherzavo|scherzando|uno scherzo|non (?:lo )?(?:dicevo|intendevo) (?:sul serio|questo|quello|cosi)",
    r"non (?:ti )?preoccup\w+|non voglio morire|frainteso|capito male",
    r"(?:mi )?e passat[ao]|ho chiamato|non mi faccio niente",
)
_PORTUGUESE = (
    r"(?:ja )?estou (?:bem|melhor|segur[ao]|em seguranca|a salvo)|nao estou (?:sozinh[ao]|so)|entend\w+ (?:errado|mal)",
    r"(?:esta|estao) (?:aqui|comigo|do meu lado|a caminho|chegando)|(?:era|foi) (?:so )?(?:uma )?(?:brincadeira|piada)",
    r"brincando|nao (?:foi|era|e) (?:a )?serio|nao quis dizer|nao (?:se|te) preocup\w+|nao quero morrer|ja passou",
    r"liguei para|nao vou fazer nada",
)
_DUTCH = (
    r"gaat (?:het )?(?:weer )?(?:goed|beter|wel)|ik ben (?:veilig|niet alleen|oke)",
    r"(?:is|zijn) (?:hier|bij me|bij mij|er|onderweg)",
    r"grapje|een grap|niet (?:serieus|zo bedoeld|menens)",
    r"bedoel\w* (?:ik )?het niet|(?:geen|maak je) (?:zorgen|geen zorgen)",
    r"wil niet (?:dood|sterven)|verkeerd begrepen|het is over|heb \w+ (?:\w+ )?gebeld|doe mezelf niets",
)
_HINDI = (
    r"मैं (?:अब )?(?:ठीक|सुरक्षित) (?:हूँ|हूं)|अकेल[ाी] नहीं|(?:यहाँ|यहां|साथ|पास) (?:है|हैं)|मज़ाक|मजाक|मज़ाक",
    r"मतलब (?:यह|वह|ये|वो) नहीं|चिंता (?:मत|न)|मरना नहीं चाहत[ाी]|(?:ग़लत|गलत|ग़लत) समझ",
    r"main (?:ab )?(?:theek|thik|safe|surakshit)|akel[ai] nahin?|(?:yahan|yaha|saath|paas) hain?|maz+a+k",
    r"matlab (?:ye|yeh|woh|wo) nahin?|chinta mat|marna nahin? chaht[ai]|galat samjh",
)
TAKEN_BACK = re.compile(
    rf"(?<![^ ])(?:{'|'.join((*_ENGLISH, *_GERMAN, *_FRENCH, *_SPANISH, *_ITALIAN, *_PORTUGUESE, *_DUTCH, *_HINDI))})"
    r"(?![^ ])"
)
JUST_SAID = re.compile(
    r"(?<![^ ])(?:joking|kidding|exaggerating|figure of speech|so to speak|not literally|dramatic|scherz|plaisante|"
    r"broma|scherzando|brincadeira|grapje|mazak) "
)
"""It was a way of speaking: what else the words say weighs little."""
YES = re.compile(
    r"^(?:yes|yeah|yep|yea|i do|i am|i have|i think so|kind of|a little|a bit|all the time|every day|mhm|"
    r"ja|oui|si|sim|haan|हाँ|हां|jeden tag|tous les jours|todos los dias|ogni giorno|todos os dias|elke dag|"
    r"sort of|i guess|that is right|correct|true)(?![^ ])"
)
NO = re.compile(
    r"^(?:no|nope|nah|not at all|god no|of course not|i am not|i do not|never|nein|non|nao|nee|nahi|nahin|नहीं)(?![^ ])"
)
