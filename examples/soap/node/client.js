// Sells and activates a license over SOAP with node-soap: node client.js WSDL TOKEN_FILE CONTAINER PREFIX [1.2]
// What happens on the customer's computer is done by cmtool, which must be on the PATH.

const { execFileSync } = require("node:child_process");
const { mkdtempSync, readFileSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const path = require("node:path");
const soap = require("soap");

const [wsdl, tokenFile, container, prefix, version] = process.argv.slice(2);
const FIRM_CODE = 6000010;
const files = mkdtempSync(path.join(tmpdir(), "central-"));

const cmtool = (...words) => execFileSync("cmtool", words, { stdio: "ignore" });

// node-soap leaves base64 to the program.
function context(name) {
  const file = path.join(files, name);
  cmtool("context", "create", "--container", container, "--firm-code", String(FIRM_CODE), "--out", file);
  return readFileSync(file).toString("base64");
}

async function main() {
  const central = await soap.createClientAsync(wsdl, { forceSoap12Headers: version === "1.2" });
  central.setSecurity(new soap.BasicAuthSecurity("erp", readFileSync(tokenFile, "utf8").trim()));

  const [{ item }] = await central.CreateItemAsync({
    item: { id: `${prefix}-ITEM`, name: "Sample & Söhne <Basic>", firmCode: FIRM_CODE, productCode: 201000 },
  });
  console.log("item", item.id);

  const order = {
    orderId: `${prefix}-1`,
    customer: "C-4711",
    line: [{ item: `${prefix}-ITEM`, quantity: 3 }],
  };
  const [{ order: placed }] = await central.CreateOrderAsync({ order, idempotencyKey: `${prefix}-key` });
  console.log("ticket", placed.ticket);
  // Sent twice, because the first answer may have been lost: it is one order all the same.
  const [{ order: again }] = await central.CreateOrderAsync({ order, idempotencyKey: `${prefix}-key` });
  console.log("again", again.ticket);

  const show = async () => (await central.GetTicketAsync({ ticket: placed.ticket }))[0].ticket.license[0];
  const license = await show();
  console.log("available", license.available);

  const [{ update }] = await central.RequestUpdateAsync({
    ticket: placed.ticket,
    license: [{ id: license.id, quantity: 2 }],
    context: context("before.WibuCmRaC"),
  });
  const file = path.join(files, "update.WibuCmRaU");
  writeFileSync(file, Buffer.from(update.file, "base64"));
  cmtool("update", "import", file);
  const [{ receipt }] = await central.ConfirmReceiptAsync({ context: context("after.WibuCmRaC") });
  console.log("proven", receipt.proven);
  console.log("active", (await show()).active);

  try {
    await central.CreateOrderAsync({
      order: { orderId: `${prefix}-2`, line: [{ item: "NO-SUCH-ITEM", quantity: 1 }] },
    });
  } catch (error) {
    const fault = error.root.Envelope.Body.Fault;
    const problem = (fault.detail ?? fault.Detail).LicensingProblem;
    console.log("fault", problem.code);
    console.log("rule", problem.rule);
    console.log("remedy", problem.remedy);
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
