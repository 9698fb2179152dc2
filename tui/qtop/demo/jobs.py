"""Sample jobs: they succeed, fail in different ways, crash their process and run long."""

from __future__ import annotations

import os
import random
import signal
import time

from resque import Job, job


class CardDeclined(Exception):
    """The bank refused a card."""


@job(queue="mail", name="Mailers::Welcome")
def welcome(address: str) -> None:
    """Nearly always succeeds."""
    time.sleep(random.uniform(0.02, 0.1))
    if random.random() < 0.04:
        raise ConnectionRefusedError(111, f"mx{random.randint(1, 4)}.example.com:25 refused")


@job(queue="images", name="ResizeImage")
def resize_image(image_id: int, size: str) -> None:
    """Some images are broken."""
    time.sleep(random.uniform(0.05, 0.3))
    if image_id % 17 == 0:
        raise ValueError(f"image {image_id}: not a JPEG (size {size})")


class ChargeCard(Job):
    """Has a hook; fails now and then."""

    queue = "payments"
    name = "ChargeCard"

    @staticmethod
    def before_perform_check(order: int, cents: int) -> None:
        if cents <= 0:
            raise ValueError(f"order {order}: nothing to charge")

    @staticmethod
    def perform(order: int, cents: int) -> None:
        time.sleep(random.uniform(0.05, 0.2))
        if random.random() < 0.15:
            raise CardDeclined(f"order {order}: the card was declined ({cents / 100:.2f} EUR)")


@job(queue="reports", name="MonthlyReport")
def monthly_report(month: str) -> None:
    """Runs long."""
    time.sleep(random.uniform(8, 20))


@job(queue="imports", name="ImportCatalogue")
def import_catalogue(file: str) -> None:
    """Some files crash the process, as a broken C library does."""
    time.sleep(random.uniform(0.2, 0.8))
    if file.endswith("7.xml"):
        os.kill(os.getpid(), signal.SIGSEGV)


@job(queue="maintenance", name="Cleanup")
def cleanup(older_than_days: int) -> None:
    """Ends its process without an exception when it is to keep nothing."""
    time.sleep(0.2)
    if older_than_days == 0:
        os._exit(3)
