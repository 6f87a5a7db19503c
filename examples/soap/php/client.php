<?php
// Sells and activates a license over SOAP with SoapClient: php client.php WSDL TOKEN_FILE CONTAINER PREFIX [1.2]
// What happens on the customer's computer is done by cmtool, which must be on the PATH.

[, $wsdl, $tokenFile, $container, $prefix] = $argv;
const FIRM_CODE = 6000010;
$files = sys_get_temp_dir() . "/central-" . bin2hex(random_bytes(8));
mkdir($files, 0700);

$central = new SoapClient($wsdl, [
    "login" => "erp",
    "password" => trim(file_get_contents($tokenFile)),
    "soap_version" => ($argv[5] ?? "1.1") === "1.2" ? SOAP_1_2 : SOAP_1_1,
    // Without this, an element that may be there several times is no array when it is there once.
    "features" => SOAP_SINGLE_ELEMENT_ARRAYS,
    "cache_wsdl" => WSDL_CACHE_NONE,
]);

function cmtool(string ...$words): void
{
    exec("cmtool " . implode(" ", array_map("escapeshellarg", $words)), $output, $exit);
    if ($exit !== 0) {
        throw new RuntimeException("cmtool ended with $exit");
    }
}

function context(string $container, string $file): string
{
    cmtool("context", "create", "--container", $container, "--firm-code", (string) FIRM_CODE, "--out", $file);
    return file_get_contents($file);
}

$item = $central->CreateItem(["item" => [
    "id" => "$prefix-ITEM",
    "name" => "Sample & Söhne <Basic>",
    "firmCode" => FIRM_CODE,
    "productCode" => 201000,
]])->item;
echo "item $item->id\n";

$order = [
    "orderId" => "$prefix-1",
    "customer" => "C-4711",
    "line" => [["item" => "$prefix-ITEM", "quantity" => 3]],
];
$placed = $central->CreateOrder(["order" => $order, "idempotencyKey" => "$prefix-key"])->order;
echo "ticket $placed->ticket\n";
// Sent twice, because the first answer may have been lost: it is one order all the same.
$again = $central->CreateOrder(["order" => $order, "idempotencyKey" => "$prefix-key"])->order;
echo "again $again->ticket\n";

$license = $central->GetTicket(["ticket" => $placed->ticket])->ticket->license[0];
echo "available $license->available\n";

$update = $central->RequestUpdate([
    "ticket" => $placed->ticket,
    "license" => [["id" => $license->id, "quantity" => 2]],
    "context" => context($container, "$files/before.WibuCmRaC"),
])->update;
file_put_contents("$files/update.WibuCmRaU", $update->file);
cmtool("update", "import", "$files/update.WibuCmRaU");
$receipt = $central->ConfirmReceipt(["context" => context($container, "$files/after.WibuCmRaC")])->receipt;
echo "proven $receipt->proven\n";
echo "active ", $central->GetTicket(["ticket" => $placed->ticket])->ticket->license[0]->active, "\n";

try {
    $central->CreateOrder(["order" => [
        "orderId" => "$prefix-2",
        "line" => [["item" => "NO-SUCH-ITEM", "quantity" => 1]],
    ]]);
} catch (SoapFault $fault) {
    $problem = $fault->detail->LicensingProblem;
    echo "fault $problem->code\nrule $problem->rule\nremedy $problem->remedy\n";
}
