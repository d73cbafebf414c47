"""Faults that the simulator has to find: each in one place of our own code, each losing money."""

from tests.simulation import faults_of_payments, faults_of_transfers
from tests.simulation.fault import Fault

FAULTS: tuple[Fault, ...] = (*faults_of_payments.FAULTS, *faults_of_transfers.FAULTS)
