"""What is planted in the world, each with its size. Written to `truth/effects.json`; the systems' modules read it here.

Standard deviations (SD) are those of the latent satisfaction of one journey with its planted parts left out.
"""

from dataclasses import dataclass

#: Satisfaction: SD per hour of delay, up to so many hours; SD per contact beyond the first of a case.
DELAY_SD_PER_HOUR = -0.35
DELAY_SATURATES_HOURS = 4.0
REPEATED_CONTACT_SD = -0.2
#: Chance that a delivery leads to a contact, at no delay and more per hour of it: contacts carry part of the effect.
CONTACT_CHANCE_ON_TIME = 0.05
CONTACT_CHANCE_PER_HOUR = 0.11

#: Churn, logit scale, per month of 30 days.
CHURN_PER_YEAR = 0.12
CHURN_BASE_LOGIT = -4.87
CHURN_RISK_LOGIT = 1.25
CHURN_SATISFACTION_LOGIT = -0.25
CHURN_THIRD_TRANSFER_LOGIT = 0.8
CHURN_SUPERVISOR_LOGIT = 0.12
CHURN_GOLD_LOGIT = -1.1
CHURN_VIP_LOGIT = -1.6
BEST_AUC = 0.80
#: Being contacted: points of a year's retention by segment.
PERSUADABLE_SHARE, SLEEPING_SHARE = 0.20, 0.10
PERSUADABLE_POINTS, SLEEPING_POINTS = 0.06, -0.03
#: Share of it that the rest of the household feels: controls are not untouched (interference).
HOUSEHOLD_SHARE = 0.25
#: The old list gave the riskiest a fee waiver that worked: the feedback trap.
LIST_PROTECTION_LOGIT = -1.5
#: Goodwill: logit per log(1 + amount/100), more for worse experience (severity 0, 1, 2).
GOODWILL_LOGIT = -0.35
GOODWILL_PER_SEVERITY = 0.5

SURVEY_RESPONSE = 0.09
SURVEY_UNHAPPY_LOGIT = 0.55
REMINDER_LOGIT = 0.45
INVITED_SHARE = 0.5
PROXY_INVITED_RATIO = 0.3

CLAIM_CYCLE_DAYS = 18.0
CLAIM_FIX = -0.15
CLAIM_FIX_BRANCHES = 20
CLAIM_PEAK_SEASON = 0.45

INCIDENTS = 12
HARMLESS_PEAKS = 5
INCIDENT_LATENCY_RATIO = 8.0
PREFERENCE_OBEYED = 0.70
COMPLEMENT_CHANCE = 0.45
FAVOUR_SHARE = 0.08
WRONG_IDENTITY_SHARE = 0.03
#: One order, delivery or log-in in so many goes over the account of somebody else at home.
BORROWED_EVERY = 150
TWIN_SHARE = 0.2
SAME_NAME_SON_SHARE = 0.25


@dataclass(frozen=True)
class Product:
    """A product on sale; `complement` is the product that is bought along with it."""

    product_id: str
    category: str
    price_cny: float
    weight: float
    complement: int | None = None


PRODUCTS = (
    Product("PR-INS-TERM", "insurance", 1_200, 6), Product("PR-INS-TRAVEL", "insurance", 160, 5),
    Product("PR-INS-PHONE", "insurance", 90, 3), Product("PR-SAV-FIXED", "savings", 5_000, 5),
    Product("PR-SAV-FUND", "savings", 2_000, 4), Product("PR-LOAN-CAR", "loan", 9_000, 2),
    Product("PR-LOAN-CASH", "loan", 3_000, 3), Product("PR-TRV-FLIGHT", "travel", 1_100, 9, 1),
    Product("PR-TRV-HOTEL", "travel", 650, 7), Product("PR-ELE-PHONE", "electronics", 3_900, 6, 2),
    Product("PR-ELE-CAMERA", "electronics", 5_200, 1, 11), Product("PR-ELE-TRIPOD", "electronics", 310, 0.4),
    Product("PR-FAS-COAT", "fashion", 540, 7), Product("PR-FAS-SHOES", "fashion", 420, 9),
    Product("PR-GRO-BASKET", "grocery", 190, 20), Product("PR-GRO-MILK", "grocery", 60, 14),
    Product("PR-HOM-CRIB", "home", 1_300, 1, 17), Product("PR-HEA-BABYCARE", "health", 240, 0.8),
    Product("PR-HOM-LAMP", "home", 210, 5), Product("PR-HEA-WATCH", "health", 1_500, 3),
    Product("PR-SER-CLEAN", "service", 150, 5), Product("PR-SER-REPAIR", "service", 380, 3),
)  # fmt: skip
