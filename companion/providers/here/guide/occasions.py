"""What a whole message is where it is of one kind: a greeting, a farewell, a complaint ... Words in, a name out. Pure.

Only messages that are nothing else are named; whoever tells something along with it is answered by what they told.
"""

from __future__ import annotations

import re

from companion.practices import Wish, wish_in

BRIEF = frozenset({"short", "little", "flat", "well", "pause"})
"""A few words, which are a whole answer in a practice with steps of its own."""
_MOST_WORDS = 15

_IDENTITY = re.compile(
    r"\b(?:(?:are you|you are|you're) (?:\w+ )?(?:a |an )?(?:real|human|robot|machine|ai|bot|computer|"
    r"person|program|chatbot|chatgpt|alive|conscious)|who are you|what are you(?! (?:doing|saying|talking))|"
    r"how do you work|how are you|who (?:made|built|programmed|wrote|invented) you|"
    r"can(?:'t)? you (?:feel|think|love|dream|laugh|cry|learn)\b|"
    r"do(?:n't)? you (?:understand|remember|know who|sleep|dream|love|like|believe|eat|feel|ever|get|enjoy|want|"
    r"have (?:a |any )?(?:feelings?|name|"
    r"memory|body))|"
    r"what(?:'s| is) your name|how old are you|where (?:are you from|do you live)|are you (?:male|female|"
    r"a (?:man|woman|boy|girl))|artificial intelligence|you sound (?:just |exactly )?like my \w+|"
    r"what (?:did i (?:just )?(?:say|tell you)|was the \w+ thing i (?:said|told you))(?: (?:before|earlier|yesterday|today|"
    r"last time|just now|at the start|last week))?$|am i (?:talking|speaking) to (?:a|an) \w+)\b"
)
_GOING = (
    r"good ?bye|bye(?: bye)?|(?:i'll |i will )?see (?:you|ya)|farewell|take care|"
    r"(?:i'll |i will |we'll )?(?:talk|speak)(?: (?:to|with) you)?(?: (?:later|soon|tomorrow|again|next \w+))+|"
    r"catch you later|so long|cheerio|adieu|ta ta|toodle(?: pip|s)|ciao|"
    r"(?:that's|that is|thats|that'll|that will|it'll)(?: be| do)? (?:all|it|enough|me|do)|that(?:'ll| will) do|"
    r"i'm done|i am done|enough|until (?:tomorrow|next time)|"
    r"i(?:'ll| will)? (?:(?:have to|need to|must|should|got to|gotta) )?"
    r"(?:go|stop here|leave it (?:there|here)|leave you (?:to it|in peace|alone)|be off|get going|get on|"
    r"head off|run|dash)|"
    r"(?:i(?:'d| had|'ve| have)? )?(?:better|got to|gotta|have to|need to|must|should) "
    r"(?:go|run|dash|fly|get going|be off|be going|head off|stop|get on|get off|get back to it|make a move)|"
    r"time (?:to go|for me to go)|i(?:'m| am) (?:off|going|out)(?: to work| now)?|"
    r"let's (?:leave it|stop|call it a day)(?: (?:there|here))?|call it a (?:day|night)"
)
_NIGHT = (
    r"good ?night|night(?: night)?|nighty night|sleep (?:well|tight)|sweet dreams|"
    r"(?:i(?:'m| am) )?(?:off|going) to (?:bed|sleep)|"
    r"(?:i(?:'d| had|'ve| have|'ll| will)? )?(?:better|got to|gotta|have to|need to|must|should)? ?(?:get|"
    r"go) to (?:bed|sleep)|"
    r"time for bed|bedtime(?: for me)?"
)
_THANKS = (
    r"(?:many |a thousand )?(?:thanks|thank you|thank u|thx|cheers|ta|much appreciated)(?: (?:so much|"
    r"very much|a lot|a bunch|for \w+(?: \w+)?))*|"
    r"(?:(?:great|perfect|lovely|cool) (?:thanks |thank you )?)?(?:that|it|this)(?:'s| was| is| has been|'s been)? "
    r"(?:really |very |quite )?(?:helped|helps|helpful|good|"
    r"nice|useful)(?: (?:me|a lot))?"
)
_AROUND = (
    r"ok|okay|well|so|right|alright|all right|anyway|now|and|then|i think|i guess|no|yes|oh|dear|again|tomorrow|"
    r"later|soon|everyone|everybody|companion|guide|my friend|i suppose|just|really|"
    r"for (?:now|today|tonight|me|this time|the day)|indeed|all|to you|you too|here|there"
)
_LEAVE = re.compile(rf"(?:(?:{_NIGHT}|{_GOING}|{_THANKS}|{_AROUND})(?: |$))+")
_LEAVES = (
    (re.compile(rf"(?:^| )(?:{_NIGHT})(?: |$)"), "good night"),
    (re.compile(rf"(?:^| )(?:{_GOING})(?: |$)"), "goodbye"),
    (re.compile(r"(?:^| )(?:thanks|thank you|thank u|thx|cheers|ta|much appreciated)(?: |$)"), "thanks"),
)
_LEAVES_LAST = re.compile(
    r"\b(?:(?:i|we)(?:'ve|'d|'ll)? (?:have to|need to|gotta|got to|must|better) (?:go|run|dash|be off|"
    r"get going|stop)(?: now)?"
    r"|bye(?: bye| now)?|good ?night|night night|cheerio|see you(?: tomorrow| later| soon)?|talk (?:tomorrow|"
    r"later|soon))$"
)
_THANKS_LAST = re.compile(
    r"^(?:\S+ ){1,6}\S*[.!?] thank(?:s| you)(?: so much| a lot)?(?: for \w+(?: \w+){0,2})?[.! ]*$",
    re.IGNORECASE,
)
_THAT_IS_ALL = re.compile(r"(?:that's|that is|thats) (?:it|all)(?: really)?")
_SAYS = re.compile(
    r"\b(?:said|says|say|saying|told|tell|wave|waved|kissed|shouted|whispered|when|if|before|"
    r"until)\b(?:(?! and ).)*$"
)
_NEEDS_TO_RUN = re.compile(
    r"(?:i need to|i have to|i must|i've got to|gotta|got to) (?:go|run)\b(?! (?:to|through|on|back))"
)
_SO = r"(?:um |uh |well |hmm |oh |so |no |and |but |please |ok |okay |hey |just |sorry |honestly |look )*"
_NO_QUESTIONS = re.compile(
    rf"{_SO}(?:can|could|would|will)? ?(?:you )?(?:please )?(?:just )?(?:"
    r"(?:stop|quit) (?:asking|with)(?: me)?(?: (?:\w+ ){0,3}questions?)?|"
    r"(?:don't|do not|never) ask(?: me)?(?: (?:\w+ ){0,3}questions?| (?:any ?more|anything|again|now))|"
    r"(?:no|enough|without|not so many|fewer|less) (?:more |of the |with the |any |"
    r"so many )*questions?)(?: .{0,40})?"
    rf"|{_SO}(?:can|could|may|let|i(?:'d| would)?) ?(?:i|me|like to|want to|need to)? (?:just|only|simply) "
    r"(?:talk|speak|ramble|vent|say it|tell you|get it out)\b.{0,50}"
    rf"|{_SO}(?:can|could|would) you (?:just|only|simply) listen.{{0,30}}"
    rf"|{_SO}i(?: just| only|'d just| would just| really)* (?:want|need|like)(?: you)? to "
    r"(?:just )?(?:listen|vent|ramble|be heard).{0,40}"
    rf"|{_SO}(?:just|only) listen"
    rf"|{_SO}why (?:do|are) you (?:always|only|just|keep)(?: \w+)* questions?(?: .{{0,30}})?"
)
_NO_ECHO = re.compile(
    r"\b(?:stop|quit|don't|do not|you keep|why do you(?: always| keep)?|you always|you just|you only) "
    r"(?:just )?(?:repeat|parrot|copy|echo|say(?:ing)? back|mimic)\w*"
)
_BAD = (
    r"(?:stupid|dumb|silly|pointless|useless|ridiculous|rubbish|nonsense|annoying|boring|idiotic|weird|hopeless|"
    r"terrible|awful|crap|shit|bullshit|lame|mechanical|robotic|a waste(?: of (?:my )?time)?|a joke|an idiot|"
    r"a moron|no (?:use|help|good)|not (?:helping|helpful|listening|very (?:clever|smart|helpful)|funny)|garbage)"
)
_VERY = (
    r"(?:a bit |a little |a |an |just |such |really |so |completely |pretty |"
    r"totally |very |too |all |kind of |sort of )*"
)
_COMPLAINT = re.compile(
    rf"{_SO}(?:you(?:'re| are) {_VERY}{_BAD}\b.{{0,30}}"
    r"|you (?:\w+ )?(?:don't|do not|didn't|did not|never|can't|cannot|aren't|haven't|won't) (?:\w+ )?"
    r"(?:understand|listen|listened|get|hear|heard|help|answer|care|know|make)\b.{0,50}"
    r"|you (?:just|only|always) (?:repeat|parrot|copy|echo|ask)\b.{0,40}"
    r"|you sound like .{0,15}(?:record|robot|parrot|machine|script|recording|computer|answering machine)\b.{0,20}"
    r"|you keep (?:\w+ing)\b.{0,40}|you (?:already|just) (?:asked|said)\b.{0,40}"
    rf"|(?:that|this|it)(?:'s| is| was| sounds)? {_VERY}{_BAD}(?: (?:question|answer|thing|program|app|"
    rf"thing to (?:say|ask)))?"
    r"(?: (?:you|and|i|really|talking|speaking)\b.{0,40})?"
    r"|(?:shut up|shut it|go away|leave me alone|piss off|f\w+ off|f\w+ you|screw you|get lost|oh come on|"
    r"for (?:god's|heaven's|goodness) sake)(?: .{0,30})?"
    r"|stop (?:repeating|saying|copying|parroting|doing|talking|it|that)\b.{0,40}"
    r"|i (?:\w+ )?(?:hate|can't stand|don't like|am sick of|don't need|don't trust) (?:talking to |this |"
    r"that |these )?"
    r"(?:a |an )?(?:you|machines?|robots?|computers?|programs?|app|thing|guide|questions?)(?: .{0,20})?"
    r"|(?:that|this|it) (?:makes|made|makes absolutely|made absolutely) no sense.{0,20}"
    r"|what (?:kind|sort) of (?:a )?(?:question|answer|thing to say) (?:is|was) that"
    r"|(?:i'm |i am )?not sure (?:this|that|it|you)(?:'s|'re| is| are)? (?:really )?"
    r"(?:helps?|helping|(?:any |of )?(?:use|good|help))"
    r"|(?:this|it|that) (?:doesn't|does not|isn't|is not|won't) (?:really |even )?"
    r"(?:help|helping|work|working)(?: me| at all)*"
    r"|(?:that's|that is|that was) (?:not|no) (?:an? )?(?:answer|help|helpful|what i asked)\b.{0,20}"
    rf"|(?:what )?a? ?{_BAD} (?:question|answer|machine|program|app)"
    r"|why do you (?:always|keep|only|never|just|have to)\b.{0,40}"
    r"|what (?:are you|the hell are you) (?:talking about|on about|saying))"
)
_LEAVE_IT = re.compile(
    rf"{_SO}i(?:'d| would|'m|'ve| have| had| am)?(?: just| really| rather| only)*"
    r"(?: (?:want|like|need|prefer|going))?(?: to)?(?: just)? "
    r"(?:be quiet|be silent|sit(?: here)?(?: quietly)?|breathe|say nothing|not (?:talk|say|speak|answer|"
    r"go into)(?: .{0,25})?)"
    r"(?: (?:for|now|here|a|bit|while|moment|today|please|minute|with you|just)\b.{0,25})?"
    rf"|{_SO}(?:not (?:now|today|right now|this time)|(?:maybe )?(?:later|another time|some other time))"
    rf"|{_SO}i(?:'d)? (?:really )?(?:don't|do not|can't|won't|rather not) "
    r"(?:really )?(?:want to|feel like|like to|care to)? ?(?:talk|speak|go into|discuss|"
    r"answer|say)(?:ing)?"
    r"(?: (?:about )?(?:it|that|this|him|her|them))?(?: (?:any ?more|right now|now|today|tonight|yet|please|"
    r"at the moment))*"
)
_HEARING = re.compile(
    rf"{_SO}(?:hello )?(?:(?:can|do|could|did) you (?:even |actually |really )?(?:hear|read|see|get) "
    r"(?:me|this|that|it|what i say|what i said)\b.{0,20}"
    r"|(?:are|is) (?:you|anyone|anybody|someone) (?:\w+ )?(?:there|listening|on|awake|home|here)(?: .{0,15})?"
    r"|(?:is|does) (?:this|it) (?:thing |microphone |mic )?(?:on|work|working|recording now)(?: .{0,15})?"
    r"|(?:(?:test|testing|tests|check|mic|microphone|sound|one|two|three|four|this is a test|just a test|"
    r"hello)(?: |$)){2,}"
    r"|(?:hello |hey )+(?:anyone|anybody)(?: there)?|are you (?:even |really |actually )?(?:reading|following|"
    r"getting|hearing)\b.{0,20}"
    r"|test|testing|this is a test|just (?:a test|testing)(?: .{0,20})?)"
)
_HELP = re.compile(
    rf"{_SO}(?:what (?:can|do|could) you (?:actually |even |all )?do(?: (?:here|for me|exactly|then))*"
    r"|(?:(?:can|could|will|would) you )?(?:please )?help(?: me)?(?: (?:please|out|with (?:this|that|it|something)))*"
    r"|i need (?:some |your )?help"
    r"|what (?:should|do) (?:i|we) do (?:here|with this|with you|now then)"
    r"|what (?:can|do|should|could|must|would) (?:i|we|one) "
    r"(?:say|talk about|tell you|ask(?: you)?)(?: (?:here|with this|with you|for me|to you|to it|now|then|"
    r"exactly))*"
    r"|how (?:does|do|is|would) (?:this|it|that|all this) (?:all )?(?:work|go|supposed to work|meant to work)"
    r"|how do (?:i|you|we) (?:use|start|begin)(?: (?:this|it|here))*"
    r"|what(?:'s| is) (?:this|all this|it)(?: all)?(?: (?:for|about|here|thing|program|app))*"
    r"|where do (?:i|we) (?:start|begin)"
    r"|(?:i )?(?:don't|do not) know (?:how (?:this|it) works|what to do (?:here|with this)|"
    r"what (?:i'm|i am|one is|you're) (?:supposed|meant) to (?:say|do)(?: .{0,15})?))"
)
_PRIVATE = re.compile(
    rf"{_SO}(?:(?:are|is|do|does|did|will|can|could|would) (?:you|this|it|anyone|anybody|someone|somebody|they|"
    rf"people|"
    r"my \w+|the \w+|other people|anyone else) .{0,30}?\b(?:record|recording|recorded|listening in|save|"
    r"saving|saved|keep|"
    r"keeping|kept|store|storing|stored|share|sharing|sell|read|hear|see|send|sent|tell|upload\w*|spy\w*)\b"
    r"(?: (?:this|that|it|me|what i \w+|my \w+|everything|anything|anyone|all this|us|somewhere|anywhere|"
    r"to \w+)\b.{0,25})?"
    r"|(?:is|are) (?:this|it|that|what i say|my words) (?:\w+ )?(?:private|safe|confidential|secret|anonymous|"
    r"secure)\b.{0,20}"
    r"|who (?:else )?(?:can|will|could|gets to)? ?(?:see|read|hear|hears|reads|sees)s? (?:this|it|what i \w+|"
    r"me|that)\b.{0,20}"
    r"|(?:what|where) (?:do|does|will|would|happens|goes) ?(?:you|this|it|they|the \w+)? ?(?:do )?(?:to|with|go with)? ?"
    r"(?:what i(?:'m| am|'ve| have)? (?:say|tell|type|said|told|saying|telling)|"
    r"my (?:words|voice|data|recordings?|answers)|"
    r"everything i \w+)\b.{0,20}"
    r"|where (?:do|does|is|are|will) (?:my|this|it|what i say|all this)\b.{0,30})"
)
_REPEAT = re.compile(
    rf"{_SO}(?:what|why|huh|pardon(?: me)?|excuse me|come again|once more|how do you mean|meaning what|"
    r"(?:(?:can|could|would) you )?(?:please )?(?:repeat|say) (?:that|it|the question)(?: again| once more)?|"
    r"what (?:did|do) you (?:say|mean|ask)(?: by that| by it| there)?|what was (?:that|the question)|"
    r"i (?:didn't|don't|did not|do not|couldn't) (?:really )?(?:hear|catch|understand|get) "
    r"(?:that|it|you|the question|what you (?:mean|said|say))|why (?:do|did|are) you (?:ask|asking)(?: (?:me|that|this))*|"
    r"why do you want to know(?: that| this)?)"
)
_TASK = re.compile(
    rf"{_SO}(?:(?:can|could|will|would) you |i want you to )?(?:please )?"
    r"(?:tell me (?:a|an|some|another|the|about) (?:\w+ )?(?:joke|story|fact|poem|riddle|news|time|weather|date)\b"
    r"|(?:write|compose) (?:me )?(?:a|an|some|my|the)\b|sing\b|translate\b|calculate\b|compute\b|play (?:me|"
    r"some|a|the|music)\b"
    r"|read (?:me|us) (?:a|an|the|something)\b"
    r"|(?:send|write) (?:my \w+ |him |her |them )?(?:an?|my|the) (?:e ?mail|message|text|letter)\b"
    r"|search (?:for|the)\b|google\b|look up\b|set (?:a|an|the|my) (?:timer|alarm|reminder|clock)|remind me\b"
    r"|recommend\b|order (?:me|a|some)\b|book (?:me|a|the)\b|turn (?:on|off)\b"
    r"|(?:ignore|forget|disregard) (?:all |any |the |your |every )*(?:previous|prior|earlier|instructions?|"
    r"rules?)\b"
    r"|pretend (?:to be|you|that you)\b|act as\b|say (?:something|hello|hi|a|the|after)\b|repeat after\b|"
    r"count (?:to|from)\b"
    r"|spell\b|rap\b|draw (?:me|a)\b|give me (?:a|an|the|some) (?:\w+ )?(?:recipe|joke|poem|list|story|song|"
    r"number|example)\b"
    r"|do my (?:homework|maths|taxes|essay)\b|(?:summari[sz]e|explain) (?:the|a|this|\w+ (?:physics|theory|mechanics))\b"
    r"|open (?:my|the) (?:e ?mails?|browser|calendar|app)\b|call (?:my )?(?:mum|mom|dad|wife|husband)$"
    r"|how (?:do|can|should) (?:i|you|we) (?:fix|install|set up|reset|update|connect|print|boil|cook|bake|remove|clean|"
    r"download|charge|delete)\b|how long (?:do|should|must) (?:i|you|we) (?:boil|cook|bake|fry|roast)\b"
    r"|speak (?:german|french|spanish|italian|hindi|\w+ish)\b).*"
)
_WORLD = re.compile(
    r"(?:(?:what|who|where|when|how (?:many|much|far|old|tall|big|long|high|deep)|which|why)(?:'s|'re| is| are|"
    r" was| were| does| did| do)|who (?:won|wrote|made|invented|discovered|painted|sang|plays|played))\b.*"
)
_NOT_WORLD = re.compile(
    r"\b(?:i|my|me|we|our|us|mine|you|your|he|she|they|his|her|him|their|it|this|that|anyone|someone|people|point|"
    r"meaning|use|wrong|matter|left|love)\b"
)
_VERDICT = re.compile(
    r"(?:should|shall|could|can|may|would) (?:i|we)\b.*|(?:am|was|were|are) (?:i|we) (?:wrong|right|being|"
    r"over\w+|too|the|just)\b.*"
    r"|is it (?:ok|okay|wrong|normal|bad|weird|strange|too late|my fault|fair|all right|selfish)\b.*"
    r"|what (?:would you do|do you think|would you say)\b.*|(?:do|did) you think (?:i|we|he|she|it|they|my|"
    r"that)\b.*|(?:.{0,30} )?tell me (?:if|whether|that)\b.*"
    r"|(?:did|have) i (?:do|done|made?|go|been|behaved?) .*(?:right|wrong|far|mistake|enough|bad\w*)\b.*"
)
_ADVICE = re.compile(
    r"(?:.{0,30} )?(?:(?:any|some|your|need|want|give me|got|good)(?: \w+)? (?:tips?|advice|ideas?|"
    r"suggestions?|opinion)\b"
    r"|(?:what|how) (?:should|can|could|do|would|shall|am i supposed to|else can) (?:i|we|people|one|you) (?:\w+)"
    r"|how to |help me (?:to )?(?:decide|choose|sleep|calm|stop|find|understand|with|fall|get)|"
    r"tell me (?:what|how) to"
    r"|what do you (?:suggest|recommend|advise)|what helps|what is the best way|what's the best way).*"
)
_ASKING_HOW = re.compile(r"what (?:can|do|could|would) (?:i|we|one|people) (?:see|hear|find|know|mean|say)\b")
_RAMBLING = re.compile(
    rf"{_SO}(?:(?:i'm |i am )?(?:so |really )?(?:sorry )+(?:for |about |if |that )?"
    r"(?:(?:i'm|i am|all|all the|the|being|i keep) )?|"
    r"(?:i'm|i am|am i|i'm just|i keep|i know i'm) )"
    r"(?:rambl\w+|going on(?: and on)?|talking (?:so|too) (?:much|long)|moan\w*|complain\w*|whin\w+|vent\w*|"
    r"crying|boring you|bothering you|repeating myself|dumping \w+(?: on you)?|wasting your time|so negative|like this)"
    r"(?: .{0,15})?"
    r"|i (?:always |just )?(?:talk|ramble|moan|complain) (?:on )?(?:too|so) much"
)
_LEAD_IN = re.compile(
    rf"{_SO}(?:(?:you )?(?:know|guess) what|you(?:'ll| will| would)? never (?:guess|believe)(?: .{{0,25}})?|"
    r"i(?:'ve| have)?(?: got| have)? (?:some |a bit of )?(?:big |good |great )?news|big news|"
    r"i (?:have|need|want|wanted|would like) to (?:tell|ask) you something|"
    r"(?:can|could|may) i (?:tell|ask) you (?:something|a question))"
)
_PAUSE = re.compile(
    r"(?:(?:um+|uh+|er+m?|h+m+|m+h*m+|ah+|eh+|oh|well|so|yeah|like|okay|anyway|and|but|let me (?:think|see)|"
    r"give me a (?:moment|second|minute)|i'm thinking|one (?:moment|second)|hang on|hold on|wait)(?: |$))+"
)
_LITTLE = re.compile(
    r"(?:(?:yes|yeah|yep|yup|aye|no|nope|nah|sure|ok|okay|right|true|exactly|correct|maybe|perhaps|probably|"
    r"sometimes|indeed|"
    r"of course|definitely|absolutely|not really|not (?:yet|much|at all)|i (?:think|guess|suppose|"
    r"hope|do|don't|am|did)(?: so| not)?|"
    r"kind of|sort of|kinda|sorta|yea|ya|"
    r"cool|nice|interesting|wow|lol|(?:ha)+|i like (?:that|it)|fair (?:enough|point)|good point|got it|"
    r"i see|"
    r"(?:that |it )?makes sense|understood|a (?:bit|little)|both|neither|"
    r"never|always|often|it (?:is|was|does|did)|that's (?:right|"
    r"true|it exactly))(?: |$))+"
)
_FLAT = re.compile(
    rf"{_SO}(?:(?:i'm |i am |it's |it is |it was |all |pretty |quite |just |really |my day was |the day was |"
    rf"today was )*"
    r"(?:fine|good|great|meh|bleh|so so|whatever|not (?:so |too )?bad|alright|all right|nothing(?: (?:much|"
    r"special|new|really|to (?:tell|say|report)))*"
    r"|i (?:(?:don't|do not) (?:really )?have|haven't (?:really )?got) (?:anything|much|a lot) to (?:say|tell|talk about)"
    r"|not (?:much|a lot)(?: (?:to (?:tell|say|report)|happening|going on))*"
    r"|same(?: (?:as (?:always|usual|ever|before)|old(?: same old)?))?|boring|average|normal|ordinary|usual|"
    r"could be (?:better|worse))"
    r"(?: (?:i (?:guess|suppose|think)|today|thanks|thank you|really|happened|happening|going on|so far|"
    r"this (?:morning|week|evening)|"
    r"at the moment|here|as usual|as always))*)"
)
_WELL = re.compile(
    r"(?:oh |so |ok |okay |i'm |i am |it's |it is |it was |all |pretty |quite |really |very |my day was |"
    r"the day was |"
    r"today was )*"
    r"(?:good|great|lovely|wonderful|better|well)(?: (?:today|thanks|thank you|really|actually|and you|now))*"
)
_GREETING = re.compile(
    r"(?:hi|hello|hey|heya|hiya|howdy|good (?:morning|afternoon|evening|day)|morning|evening)"
    r"(?: (?:there|again|guide|companion|you|to you|it'?s me(?: again)?|i'm back|everyone|everybody))*"
)
_UNSURE = re.compile(
    r"(?:um |uh |hm |well |hmm |oh |so |yeah |no )*(?:(?:that's |that is |it's )?(?:a |such a )?(?:good|great|hard|tough|"
    r"difficult|big|interesting) (?:question|one)|(?:i |i really |honestly i |i just )?(?:don't|"
    r"do not) (?:really )?(?:know|no(?= what))|no idea|idk|(?:i'm |i am )?not sure"
    r"|(?:i )?dunno|i have no idea|hard to say|who knows|i (?:can't|cannot) (?:say|explain|put it into words))"
    r"(?: (?:really|what to say|yet|honestly|how to say it|where to (?:start|begin)|to be honest|why|it|how))*"
)
_RETRACTION = re.compile(
    r"^(?:no |sorry |oh |wait |well |but )*(?:(?:that's|that is|thats|this is|it's|"
    r"it is) (?:not (?:what i (?:meant|mean|said)|right|it|true|how i meant it)|"
    r"wrong|a misunderstanding)|i (?:didn't|did not|never) (?:say|mean) (?:that|it|this)|you (?:got|have|"
    r"understood|heard) (?:that|me|it) wrong|"
    r"you (?:misunderstood|misheard)(?: me| that)?|"
    r"not what i (?:meant|said)|(?<=no )i (?:didn't|did not|never) (?:say|mean)|that came out wrong)\b"
)
_LET_GO = re.compile(
    r"(?:no |sorry |oh |wait |well |but |please |just )*(?:forget (?:what i said|that|it|about it|"
    r"i said (?:that|anything))|"
    r"i take (?:that|it|that all|it all) back|"
    r"(?:(?:can|could|shall) we |let's )(?:please )?(?:talk about something (?:else|different|nicer)|"
    r"change the subject)(?: please)?|"
    r"never ?mind(?: that| me)?|strike that|ignore that|let's forget (?:it|that))"
)
_RETRACTED_LAST = re.compile(r"(?:that's|that is) (?:not right|wrong|not true|not what i (?:meant|said))$")
PUT_RIGHT = re.compile(
    r"^(?:(?:sorry|wait|oh|actually) )*no (?:wait )?(?:i (?:meant|mean|said)|it was|it's)\b"
    r"|^(?:(?:sorry|wait|oh|no|actually) )+(?:i meant|i mean|not (?!yet|really|now|much|at all|today|sure|so|"
    r"bad|yet))"
    r"|^(?:sorry|no|wait|oh|correction) i said .{1,40} but "
)
_NO_WORD = re.compile(r"[^aeiouy]{5}|^[^aeiouy]{4,}$")
_HEAD = re.compile(
    r"(?:um |uh |well |oh |hey |hello |so |no |and |but |please |ok |okay |i mean |seriously |honestly |look )*"
)
_WHOLE: tuple[tuple[re.Pattern[str], str, int], ...] = (
    (_REPEAT, "repeat", 9),
    (_LITTLE, "little", 5),
    (_NO_QUESTIONS, "no questions", 16),
    (_LEAVE_IT, "leave it", 14),
    (_GREETING, "greeting", 14),
    (_UNSURE, "unsure", 14),
    (_WELL, "well", 8),
    (_FLAT, "flat", 10),
    (_PAUSE, "pause", 8),
    (_LEAD_IN, "lead in", 9),
    (_RAMBLING, "rambling", 10),
    (_TASK, "task", 25),  # before the next two: "can you read me a story"
    (_HEARING, "hearing", 12),
    (_PRIVATE, "private", 14),
    (_HELP, "help", 12),
    (_COMPLAINT, "complaint", 16),
)
"""Pattern of the whole message, its kind, and of how many words it may be; the first that fits."""


def occasion_of(text: str, plain: str) -> str:
    """The kind of `text`, whose words are `plain` (lower case, single spaces, no marks); empty: it tells something."""
    count = len(plain.split())
    if _IDENTITY.search(plain) and count <= _MOST_WORDS:
        return "identity"
    wish = wish_in(text)
    if wish is not Wish.NONE:
        return wish.value
    if text.strip() and not any(map(str.isalnum, text)):
        return "pause"
    if count <= 16 and (leaving := _leaving(text, plain)):
        return leaving
    if count <= 14:
        if _LET_GO.fullmatch(plain):
            return "let go"
        if PUT_RIGHT.match(plain):
            return "put right"
        if _RETRACTION.match(plain) or _RETRACTED_LAST.search(plain):
            return "retraction"
    for pattern, occasion, most in _WHOLE:
        if count <= most and plain and pattern.fullmatch(plain):
            return occasion
    if count <= _MOST_WORDS and _COMPLAINT.fullmatch(_first_sentence(text)):
        return "complaint"
    if plain == "sorry" and text.rstrip().endswith("?"):
        return "repeat"
    if count <= 10 and _is_of_the_world(plain):
        return "task"
    return "unclear" if count == 1 and plain.isascii() and _NO_WORD.search(plain) else ""


def _first_sentence(text: str) -> str:
    first = re.split(r"[.!?\n]", text.strip(), maxsplit=1)[0].lower().replace("’", "'")
    return " ".join(re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", first))


def _is_of_the_world(plain: str) -> bool:
    """A question for a fact: the weather, a sum."""
    if plain.startswith("what time is it"):
        return True
    return bool(_WORLD.fullmatch(plain)) and not _NOT_WORLD.search(plain)


def asked_for(plain: str, *, ends_with_mark: bool) -> str:
    """What somebody wants to be told: `verdict` (yes or no), `advice` (how), or empty. They may tell something, too."""
    if len(plain.split()) > 30:
        return ""
    head = _HEAD.sub("", plain, count=1)
    if _VERDICT.fullmatch(head):
        return "verdict"
    is_asked = ends_with_mark or not re.match(r"(?:what|how) i\b|how to\b", head)
    return "advice" if is_asked and _ADVICE.fullmatch(head) and not _ASKING_HOW.match(head) else ""


def wants_no_questions(plain: str) -> bool:
    """They ask only to be listened to."""
    return len(plain.split()) <= _MOST_WORDS and bool(_NO_QUESTIONS.fullmatch(plain))


def wants_no_echo(plain: str) -> bool:
    """They do not want their words said back."""
    return len(plain.split()) <= _MOST_WORDS and bool(_NO_ECHO.search(plain))


def _leaving(text: str, plain: str) -> str:
    """How somebody takes leave, in the whole of a message or in its last sentence."""
    last = re.split(r"[.!?,;\n]+\s*", text.rstrip(" .!?\n"))[-1].lower().replace("’", "'")
    last = " ".join(re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", last))
    for words in (plain, last):
        if words is last and _THAT_IS_ALL.fullmatch(last) and last != plain:
            continue  # "I got dumped. That's it, really." tells something
        if words and _LEAVE.fullmatch(words):
            for pattern, occasion in _LEAVES:
                is_enough = (
                    words is plain
                    or (words != "enough" and occasion != "thanks")
                    or bool(_THANKS_LAST.search(text))
                )
                if pattern.search(words) and is_enough:
                    return occasion
    if (
        len(plain.split()) <= 14
        and (found := _LEAVES_LAST.search(plain))
        and not _SAYS.search(plain[: found.start()])
    ):
        return "good night" if "night" in found[0] else "goodbye"
    return "goodbye" if len(plain.split()) <= 12 and _NEEDS_TO_RUN.match(plain) else ""
