"""What names, streets and towns are drawn from. Plain data: Chinese names with their pinyin, Latin ones with nicknames."""

#: Family names in hanzi with pinyin, commonest first.
FAMILY_HANZI = (
    "王 Wang|李 Li|张 Zhang|刘 Liu|陈 Chen|杨 Yang|黄 Huang|赵 Zhao|吴 Wu|周 Zhou|徐 Xu|孙 Sun|马 Ma|朱 Zhu|胡 Hu|郭 Guo|何 He|"
    "林 Lin|高 Gao|罗 Luo|郑 Zheng|梁 Liang|谢 Xie|宋 Song|唐 Tang|许 Xu|邓 Deng|韩 Han|冯 Feng|曹 Cao|彭 Peng|曾 Zeng|萧 Xiao|"
    "田 Tian|董 Dong|潘 Pan|袁 Yuan|蔡 Cai|蒋 Jiang|余 Yu|于 Yu|杜 Du|叶 Ye|程 Cheng|魏 Wei|苏 Su|吕 Lyu|丁 Ding|任 Ren|卢 Lu|姚 Yao|"
    "沈 Shen|钟 Zhong|姜 Jiang|崔 Cui|谭 Tan|陆 Lu|范 Fan|汪 Wang|廖 Liao|石 Shi|金 Jin|韦 Wei|贾 Jia|夏 Xia|付 Fu|方 Fang|欧阳 Ouyang|"
    "司马 Sima|上官 Shangguan"
)
#: Syllables of given names with pinyin; the first half is given to women more often, the second to men.
GIVEN_HANZI = (
    "芳 fang|娜 na|敏 min|静 jing|丽 li|艳 yan|娟 juan|霞 xia|秀 xiu|燕 yan|玲 ling|桂 gui|红 hong|梅 mei|兰 lan|婷 ting|雪 xue|慧 hui|"
    "颖 ying|欣 xin|怡 yi|佳 jia|琳 lin|倩 qian|薇 wei|悦 yue|萍 ping|蓉 rong|晶 jing|莉 li|诗 shi|涵 han|"
    "伟 wei|强 qiang|磊 lei|军 jun|洋 yang|勇 yong|杰 jie|涛 tao|明 ming|超 chao|刚 gang|平 ping|辉 hui|鹏 peng|华 hua|飞 fei|鑫 xin|"
    "波 bo|斌 bin|宇 yu|浩 hao|凯 kai|健 jian|俊 jun|帆 fan|林 lin|龙 long|海 hai|建 jian|国 guo|志 zhi|文 wen"
)
FAMILY_LATIN = (
    "Smith|Jones|Taylor|Brown|Williams|Wilson|Johnson|Davies|Robinson|Wright|Thompson|Evans|Walker|White|Roberts|Green|Hall|"
    "Wood|Jackson|Clarke|Müller|Schmidt|Schneider|Fischer|Weber|Meyer|Wagner|Becker|Hoffmann|Schäfer|Martin|Bernard|Dubois|"
    "Thomas|Petit|Durand|Leroy|Moreau|Laurent|Garcia|Rossi|Russo|Ferrari|Esposito|Bianchi|Kowalski|Nowak|Novák|Svoboda|"
    "Hansen|Johansen|Olsen|Larsen|Nguyen|Tran|Kim|Park|Tanaka|Suzuki|Sato|Singh|Kumar|Sharma|Patel|Khan|Ali|Ivanov|Petrov|"
    "O'Brien|O'Connor|McDonald|MacLeod|van den Berg|de Vries|da Silva|Santos|Oliveira|Costa|Fernández|López"
).split("|")
#: Given name and nickname.
GIVEN_LATIN_F = (
    "Elizabeth Liz|Margaret Peggy|Katherine Kate|Susan Sue|Jennifer Jen|Patricia Pat|Deborah Deb|Alexandra Alex|Victoria Vicky|"
    "Christina Tina|Rebecca Becky|Jessica Jess|Samantha Sam|Pamela Pam|Barbara Barb|Dorothy Dot|Eleanor Nell|Charlotte Lottie|"
    "Isabella Bella|Theresa Tess|Josephine Jo|Caroline Carrie|Amanda Mandy|Abigail Abby|Gabriela Gabi|Sofia Sofie|Anna Annie|Marie Mia"
).split("|")
GIVEN_LATIN_M = (
    "William Bill|Robert Bob|Richard Dick|James Jim|John Jack|Michael Mike|Thomas Tom|Charles Charlie|Edward Ted|Joseph Joe|"
    "Christopher Chris|Daniel Dan|Matthew Matt|Anthony Tony|Andrew Andy|Benjamin Ben|Alexander Alex|Nicholas Nick|Samuel Sam|"
    "Frederick Fred|Henry Harry|Peter Pete|Stephen Steve|Timothy Tim|Gregory Greg|Patrick Paddy|Lawrence Larry|Francis Frank"
).split("|")
STREETS_HANZI = (
    "人民路|解放路|中山路|建设路|和平路|新华路|文化路|长江路|黄河路|北京路|南京路|淮海路|复兴路|光明路|胜利路|友谊路|幸福路|青年路|"
    "学院路|体育路|花园路|公园路|湖滨路|东风路|朝阳路|迎宾路|滨江路|车站路|工业路|振兴路"
).split("|")
STREETS_LATIN = (
    "Renmin Road|Zhongshan Road|Jianshe Road|Heping Road|Xinhua Road|Wenhua Road|Changjiang Road|Huaihai Road|Fuxing Road|"
    "Guangming Road|Youyi Road|Qingnian Road|Xueyuan Road|Huayuan Road|Gongyuan Road|Binjiang Road|Chaoyang Road|Dongfeng Road"
).split("|")
#: Town, region, first three digits of its postcodes, weight. The last one is the postcode cluster of the proxy trap.
TOWNS = (
    ("上海", "华东", "200", 16), ("北京", "华北", "100", 15), ("广州", "华南", "510", 11), ("深圳", "华南", "518", 11),
    ("成都", "西南", "610", 9), ("杭州", "华东", "310", 8), ("武汉", "华中", "430", 8), ("西安", "西北", "710", 6),
    ("沈阳", "东北", "110", 5), ("天津", "华北", "300", 5), ("重庆", "西南", "400", 6), ("兰州", "西北", "730", 6),
)  # fmt: skip
PROXY_POSTCODE = "730"
REGIONS = tuple(dict.fromkeys(region for _, region, _, _ in TOWNS))
MAIL_HOSTS = ("qq.example", "163.example", "mail.example", "gmail.example", "outlook.example", "company.example")


def pairs(table: str | list[str]) -> tuple[list[str], list[str]]:
    """Split `"a b|c d"` into (["a", "c"], ["b", "d"])."""
    rows = [entry.split(" ", 1) for entry in (table.split("|") if isinstance(table, str) else table)]
    return [row[0] for row in rows], [row[1] for row in rows]
