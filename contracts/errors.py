"""The errors of the project: what was expected, what came, and the cure."""


class LakeError(Exception):
    """Something a person can put right. Printed without a traceback by the command line.

    Attributes:
        cure: what to do, in the imperative.
        exit_code: 1 the pipeline failed; 2 wrong usage or settings.
    """

    exit_code = 1

    def __init__(self, message: str, *, cure: str) -> None:
        super().__init__(message)
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.args[0]}\n  cure: {self.cure}"
