"""Names as an English page writes them: the reviewed exceptions and the rules."""

import csv

import pytest

from donate.places.loading import PLACES

EXPECTED = """
陕西省 Shaanxi / 山西省 Shanxi / 内蒙古自治区 Inner Mongolia / 西藏自治区 Tibet / 新疆维吾尔自治区 Xinjiang / 黑龙江省 Heilongjiang
哈尔滨市 Harbin / 呼和浩特市 Hohhot / 拉萨市 Lhasa / 日喀则市 Xigazê / 乌鲁木齐市 Ürümqi / 喀什地区 Kashgar Prefecture / 齐齐哈尔市 Qiqihar
重庆市 Chongqing / 厦门市 Xiamen / 蚌埠市 Bengbu / 六安市 Lu'an / 台州市 Taizhou / 丽水市 Lishui / 亳州市 Bozhou / 西安市 Xi'an / 吕梁市 Lüliang
长沙市 Changsha / 长治市 Changzhi / 长子县 Zhangzi County / 成都市 Chengdu / 朝阳市 Chaoyang / 漯河市 Luohe / 东莞市 Dongguan / 百色市 Baise
乐清市 Yueqing / 乐亭县 Laoting County / 乐陵市 Laoling / 单县 Shanxian County / 洪洞县 Hongtong County / 铅山县 Yanshan County
东阿县 Dong'e County / 尉犁县 Yuli County / 尉氏县 Weishi County / 浚县 Xunxian County / 涡阳县 Guoyang County / 泊头市 Botou
珲春市 Hunchun / 繁峙县 Fanshi County / 大城县 Daicheng County / 荥阳市 Xingyang / 荥经县 Yingjing County / 闵行区 Minhang District
六合区 Luhe District / 曾都区 Zengdu District / 都匀市 Duyun / 大埔县 Dabu County / 番禺区 Panyu District / 台儿庄区 Tai'erzhuang District
浦东新区 Pudong New Area / 万柏林区 Wanbailin District / 清新区 Qingxin District / 神农架林区 Shennongjia Forestry District
新晃侗族自治县 Xinhuang Dong Autonomous County / 怀化市 Huaihua / 湘西土家族苗族自治州 Xiangxi Tujia and Miao Autonomous Prefecture
积石山保安族东乡族撒拉族自治县 Jishishan Bonan, Dongxiang and Salar Autonomous County / 鄂伦春自治旗 Oroqen Autonomous Banner
龙胜各族自治县 Longsheng Multi-ethnic Autonomous County / 锡林郭勒盟 Xilingol League / 香港特别行政区 Hong Kong / 澳门特别行政区 Macau
"""


@pytest.fixture(scope="module")
def names() -> dict[str, str]:
    with open(PLACES, encoding="utf-8", newline="") as file:
        return {row["name_zh"]: row["name_en"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("line", [part.strip() for part in EXPECTED.replace("\n", "/").split("/") if part.strip()])
def test_a_reviewed_name_is_written_in_its_established_form(names, line):
    name_zh, name_en = line.split(" ", 1)
    assert names[name_zh] == name_en
