import pytest

from donate.campaigns.markdown import rendered


@pytest.mark.parametrize(
    "typed",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](JaVaScRiPt:alert(1))",
        "[x](vbscript:x)",
        "<javascript:alert(1)>",
        "![x](https://elsewhere.example/pixel.png)",
        "![x](/files/0.jpg)",
        '[x](https://a.example "onmouseover=alert(1)")',
        "<a href='https://a.example' onclick='x()'>y</a>",
        "<style>body{display:none}</style>",
        "<svg/onload=alert(1)>",
        "`<script>`",
        "[a]: javascript:alert(1)\n\n[a]",
    ],
)
def test_nothing_that_could_do_harm_comes_out(typed: str) -> None:
    html = rendered(typed)
    for tag in ("<script", "<img", "<style", "<svg", "<iframe"):
        assert tag not in html
    for attribute in ('href="javascript', 'href="data', 'href="vbscript', "onclick=", "onmouseover=", 'title="'):
        assert attribute not in html.replace("&quot;", "'").split("&lt;")[0]


def test_what_organisers_need_comes_out() -> None:
    html = rendered("# 新灶\n\n**热饭**\n第二行\n\n- 一\n- 二\n\n[备案](https://cszg.mca.gov.cn)")
    for part in ("<h3>新灶</h3>", "<strong>热饭</strong><br", "<li>一</li>", 'href="https://cszg.mca.gov.cn"'):
        assert part in html
    assert 'rel="nofollow noopener noreferrer"' in html


def test_deep_nesting_ends() -> None:
    assert len(rendered(">" * 5000 + "x")) < 200_000
    assert len(rendered("[" * 5000)) < 200_000
