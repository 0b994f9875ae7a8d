"""The fixed words that made-up invoices use: companies, people, goods, extra fields."""

from dataclasses import dataclass

from .answers import Body


@dataclass(frozen=True, slots=True)
class Company:
    """A company of the store; `customer_id` is its B2B Edition id."""

    customer_id: str
    name: str
    currency: str
    external_customer_id: str
    addresses: tuple[Body, ...]


def _company(number: int, name: str, currency: str, *addresses: tuple[str, ...]) -> Company:
    keys = ("firstName", "lastName", "street1", "street2", "city", "state", "zipCode", "country")
    return Company(
        customer_id=str(95_000 + 17 * number),
        name=name,
        currency=currency,
        external_customer_id=f"C-{10_000 + 7 * number}",
        addresses=tuple({**dict(zip(keys, address, strict=True)), "customFields": {}} for address in addresses),
    )


COMPANIES = (
    _company(
        1,
        "Müller & Söhne Großhandel GmbH",
        "EUR",
        ("Jürgen", "Müller", "Königstraße 12", "Tor 3", "Köln", "Nordrhein-Westfalen", "50667", "Germany"),
        ("Änne", "Groß", "Am Öhrchen 4", "", "Düsseldorf", "Nordrhein-Westfalen", "40213", "Germany"),
    ),
    _company(
        2,
        "株式会社さくら商事",
        "JPY",
        ("花子", "佐藤", "丸の内1-9-1", "5階", "千代田区", "東京都", "100-0005", "Japan"),
    ),
    _company(
        3,
        "Компания «Северный ветер»",
        "EUR",
        ("Анна", "Иванова", "Brīvības iela 40", "", "Rīga", "Rīga", "LV-1050", "Latvia"),
    ),
    _company(
        4,
        "Sunny Side Supplies 🌞",
        "USD",
        ("Stanton", "Xu", "1200 Congress Ave", "Suite 210", "Austin", "Texas", "78701", "United States"),
        ("Maria", "Lopez", "88 Harbor Dr", "", "San Diego", "California", "92101", "United States"),
    ),
    _company(
        5,
        "Boulangerie Édouard & Fils",
        "CAD",
        ("Édouard", "Côté", "12 rue Saint-Paul Est", "", "Montréal", "Québec", "H2Y 1G8", "Canada"),
    ),
    _company(
        6,
        "Pemberton-Ashby Ltd",
        "GBP",
        ("Niamh", "O'Connor", "4 King's Parade", "", "Cambridge", "Cambridgeshire", "CB2 1SJ", "United Kingdom"),
    ),
    _company(
        7,
        "成都软件园有限公司",
        "USD",
        ("伟", "张", "天府五街", "B座", "成都", "四川", "610041", "China"),
    ),
    _company(
        8,
        "Łódzkie Zakłady Włókiennicze",
        "EUR",
        ("Łukasz", "Żółć", "ul. Piotrkowska 7", "", "Łódź", "łódzkie", "90-406", "Poland"),
    ),
    _company(
        9,
        'Smith, Jones \\ "Partners" (Holdings)',
        "USD",
        ("Bob", "Smith", "1 Main St; Dock 2", 'Attn: "Receiving"', "Dayton", "Ohio", "45402", "United States"),
    ),
    _company(
        10,
        "Ελληνικά Ελαιόλαδα",
        "EUR",
        ("Νίκος", "Παπαδόπουλος", "Ερμού 21", "", "Αθήνα", "Αττική", "105 63", "Greece"),
    ),
    _company(
        11,
        "Maple & Birch Interiors",
        "CAD",
        ("Olivia", "Tremblay", "500 Granville St", "Unit 9", "Vancouver", "British Columbia", "V6C 1W6", "Canada"),
    ),
    _company(
        12,
        "Ñandú Importaciones",
        "USD",
        ("José", "Núñez", "Calle Ocho 1501", "", "Miami", "Florida", "33135", "United States"),
    ),
)

CHANNELS = {"1": "Main Storefront", "2": "B2B Buyer Portal", "3": "Händlerportal"}

PRODUCTS = (  # sku, product id, description
    ("DPB", 77, "[Sample] Dustpan & Brush"),
    ("CLC", 80, "[Sample] Canvas Laundry Cart"),
    ("SLCTBS", 81, "[Sample] Fog Linen Chambray Towel - Beige Stripe"),
    ("OTL", 86, "[Sample] Able Brewing System"),
    ("CC3C", 88, "[Sample] Chemex Coffeemaker 3 Cup"),
    ("TWB", 93, "[Sample] 1 L Le Parfait Jar"),
    ("KAF-Ö1", 101, "Kaffeemühle, groß"),
    ("茶-001", 102, "抹茶セット"),
    ("SVC-INST", 110, "Installation, per hour"),
    ("BOLT-M8", 115, "Bolt M8 x 40, zinc plated"),
)

CARRIERS = ("UPS Ground", "FedEx", "DHL Express", "Canada Post")


def _extra_field(number: int, name: str, field_type: int, *, required: bool = False, **limits: object) -> Body:
    return {
        "id": 300 + number,
        "uuid": f"5f1c0a7e-0000-4000-8000-{number:012d}",
        "fieldName": name,
        "fieldType": field_type,  # 0 text, 1 text area, 2 number, 3 dropdown
        "isRequired": required,
        "isUnique": False,
        "visibleToEnduser": number % 3 != 0,
        "configType": 1 if number <= 2 else 2,  # 1 built in, 2 defined by the store
        "defaultValue": None,
        "maximumLength": None,
        "numberOfRows": None,
        "maximumValue": None,
        "listOfValue": None,
        **limits,
    }


EXTRA_FIELDS = (
    _extra_field(1, "Cost Center", 0, required=True, maximumLength="20", defaultValue="0000"),
    _extra_field(2, "Delivery Note", 1, numberOfRows="4"),
    _extra_field(3, "Pallets", 2, maximumValue="500", defaultValue="1"),
    _extra_field(4, "Region", 3, required=True, listOfValue=["North", "South", "Übersee"], defaultValue="North"),
    _extra_field(5, "Project", 0, maximumLength="50"),
    _extra_field(6, "Remarks", 1, numberOfRows="10"),
    _extra_field(7, "Gross Weight", 2, maximumValue="100000"),
    _extra_field(8, "Incoterm", 3, listOfValue=["EXW", "FCA", "DAP", "DDP"]),
    _extra_field(9, "ERP Reference", 0, maximumLength="255", isUnique=True),
    _extra_field(10, "Customs Declaration", 1, numberOfRows="2"),
    _extra_field(11, "Discount Class", 2, required=True, maximumValue="9", defaultValue="0"),
    _extra_field(12, "Payment Terms", 3, listOfValue=["Net 14", "Net 30", "Net 60"], defaultValue="Net 30"),
    _extra_field(13, "Besteller", 0, maximumLength="80"),
    _extra_field(14, "備考", 1, required=True, numberOfRows="3", defaultValue="-"),
    _extra_field(15, "Batch", 0, maximumLength="12"),
)
