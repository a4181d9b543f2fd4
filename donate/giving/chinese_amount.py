"""Amounts in the characters that Chinese receipts carry beside the figures (大写金额).

Rules: People's Bank of China, Measures for Payment and Settlement (支付结算办法, Yinfa [1997] 393), annex 1,
“basic rules for filling in bills and settlement vouchers”. Where it leaves a choice (a 零 before 角 when the
figure for 元 is 0, a 整 after 角) the shorter form is taken.
"""

from donate.money import Money

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("仟", "佰", "拾", "")
_GROUPS = ("", "万", "亿")
_BEYOND_MINOR = 10**14  # 万亿 and more are never given; nothing is better than words that nobody tested


def chinese_amount(money: Money) -> str | None:
    """`人民币壹拾伍元整` for 15.00; nothing for another currency than CNY or for an amount of zero or less."""
    if money.currency != "CNY" or not 0 < money.minor < _BEYOND_MINOR:
        return None
    yuan, fen = divmod(money.minor, 100)
    return "人民币" + (_whole(yuan) + "元" if yuan else "") + _below_yuan(fen, has_yuan=yuan > 0)


def _below_yuan(fen: int, *, has_yuan: bool) -> str:
    tenths, hundredths = divmod(fen, 10)
    if not fen:
        return "整"
    words = _DIGITS[tenths] + "角" if tenths else "零" * has_yuan
    return words + (_DIGITS[hundredths] + "分" if hundredths else "")


def _whole(yuan: int) -> str:
    """The figures before 元, in groups of four; one 零 stands for any run of zeros inside."""
    groups = []
    while yuan:
        yuan, group = divmod(yuan, 10_000)
        groups.append(group)
    words, zero_pending = "", False
    for index in range(len(groups) - 1, -1, -1):
        group = groups[index]
        if not group:
            zero_pending = True
            continue
        if words and (zero_pending or group < 1_000):
            words += "零"
        words += _group(group) + _GROUPS[index]
        zero_pending = group % 10 == 0
    return words


def _group(group: int) -> str:
    """One to 9,999."""
    words, zero_pending = "", False
    for digit, place in zip(f"{group:04d}", _PLACES, strict=True):
        if digit == "0":
            zero_pending = bool(words)
            continue
        words += "零" * zero_pending + _DIGITS[int(digit)] + place
        zero_pending = False
    return words
