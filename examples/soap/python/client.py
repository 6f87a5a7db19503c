"""Sells and activates a license over SOAP with zeep: python client.py WSDL TOKEN_FILE CONTAINER PREFIX

What happens on the customer's computer is done by cmtool, which must be on the PATH.
"""

import pathlib
import subprocess
import sys
import tempfile

import requests
from zeep import Client, Transport
from zeep.exceptions import Fault

wsdl, token_file, container, prefix = sys.argv[1:5]
FIRM_CODE = 6000010
NAMESPACE = "urn:open-license:central:v1"
files = pathlib.Path(tempfile.mkdtemp())

session = requests.Session()
session.auth = ("erp", pathlib.Path(token_file).read_text().strip())
client = Client(wsdl, transport=Transport(session=session))
central = client.service


def cmtool(*words):
    subprocess.run(["cmtool", *words], check=True, stdout=subprocess.DEVNULL)


def context(name):
    file = files / name
    cmtool("context", "create", "--container", container, "--firm-code", str(FIRM_CODE), "--out", str(file))
    return file.read_bytes()


item = central.CreateItem(
    item={"id": f"{prefix}-ITEM", "name": "Sample & Söhne <Basic>", "firmCode": FIRM_CODE, "productCode": 201000}
)
print("item", item.id)

order = {
    "orderId": f"{prefix}-1",
    "customer": "C-4711",
    "line": [{"item": f"{prefix}-ITEM", "quantity": 3}],
}
placed = central.CreateOrder(order=order, idempotencyKey=f"{prefix}-key")
print("ticket", placed.ticket)
# Sent twice, because the first answer may have been lost: it is one order all the same.
print("again", central.CreateOrder(order=order, idempotencyKey=f"{prefix}-key").ticket)

ticket = central.GetTicket(ticket=placed.ticket)
license = ticket.license[0]
print("available", license.available)

update = central.RequestUpdate(
    ticket=placed.ticket, license=[{"id": license.id, "quantity": 2}], context=context("before.WibuCmRaC")
)
(files / "update.WibuCmRaU").write_bytes(update.file)
cmtool("update", "import", str(files / "update.WibuCmRaU"))
receipt = central.ConfirmReceipt(context=context("after.WibuCmRaC"))
print("proven", receipt.proven)
print("active", central.GetTicket(ticket=placed.ticket).license[0].active)

try:
    central.CreateOrder(order={"orderId": f"{prefix}-2", "line": [{"item": "NO-SUCH-ITEM", "quantity": 1}]})
except Fault as fault:
    problem = client.get_element(f"{{{NAMESPACE}}}LicensingProblem").parse(fault.detail[0], client.wsdl.types)
    print("fault", problem.code)
    print("rule", problem.rule)
    print("remedy", problem.remedy)
