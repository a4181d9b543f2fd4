"""The names that one bank or platform goes by, so that the same money is known again however its source is written.

Only names that mean one institution everywhere: what stands in no line here is compared as it is typed. A number that
stands under two sources after that is not refused; whoever confirms it says why it is other money.
"""

from donate.giving.reference_key import key_of

# The first name of a line is what its others are compared as.
SAME = (
    ("中国工商银行", "工商银行", "工行", "ICBC", "Industrial and Commercial Bank of China"),
    ("中国农业银行", "农业银行", "农行", "ABC", "Agricultural Bank of China"),
    ("中国银行", "中行", "BOC", "Bank of China"),
    ("中国建设银行", "建设银行", "建行", "CCB", "China Construction Bank"),
    ("交通银行", "交行", "BOCOM", "Bank of Communications"),
    ("中国邮政储蓄银行", "邮政储蓄银行", "邮储银行", "邮储", "PSBC", "Postal Savings Bank of China"),
    ("招商银行", "招行", "CMB", "China Merchants Bank"),
    ("中信银行", "CITIC", "China CITIC Bank"),
    ("中国光大银行", "光大银行", "光大", "CEB", "China Everbright Bank"),
    ("中国民生银行", "民生银行", "CMBC", "China Minsheng Bank"),
    ("兴业银行", "CIB", "Industrial Bank"),
    ("上海浦东发展银行", "浦东发展银行", "浦发银行", "浦发", "SPDB"),
    ("平安银行", "PAB", "Ping An Bank"),
    ("华夏银行", "HXB", "Hua Xia Bank"),
    ("广发银行", "广东发展银行", "CGB", "China Guangfa Bank"),
    ("腾讯公益", "腾讯公益平台", "腾讯", "Tencent Charity", "Tencent"),
    ("支付宝公益", "支付宝", "蚂蚁公益", "Alipay"),
    ("水滴公益", "水滴"),
    ("轻松公益", "轻松筹"),
    ("新浪微公益", "微公益", "新浪公益"),
    ("京东公益", "京东"),
    ("字节跳动公益", "抖音公益"),
    ("美团公益", "美团"),
)
_FORMS = ("股份有限公司", "有限责任公司", "有限公司", "ltd", "limited", "colimited", "coltd")
_KEYS = {key_of(name): key_of(names[0]) for names in SAME for name in names}


def source_key_of(typed: str) -> str:
    """What a bank's or platform's name is compared as: 农行 and 中国农业银行股份有限公司 are one bank."""
    key = key_of(typed)
    for form in sorted(_FORMS, key=len, reverse=True):
        if key.endswith(form) and key != form:
            key = key.removesuffix(form)
            break
    return _KEYS.get(key, key)
