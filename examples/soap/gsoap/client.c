/* Sells and activates a license over SOAP with gSOAP: client WSDL TOKEN_FILE CONTAINER PREFIX
 *
 *     wsdl2h -c -o central.h "$WSDL" && soapcpp2 -c -C -L -x -1 central.h      (-2 for SOAP 1.2)
 *     gcc -I. '-DNAMESPACES="LicenseCentral11.nsmap"' client.c soapC.c soapClient.c -lgsoap -o client
 *
 * What happens on the customer's computer is done by cmtool, which must be on the PATH. */

#include "soapH.h"
#include NAMESPACES
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRM_CODE 6000010

static struct soap *central;
static char endpoint[512], token[512], files[512], container[64];

/* Before every call: gSOAP forgets them after each. */
static struct soap *with_token(void)
{
    central->userid = "erp";
    central->passwd = token;
    return central;
}

static void must(int outcome, const char *what)
{
    if (outcome != SOAP_OK) {
        fprintf(stderr, "%s\n", what);
        soap_print_fault(central, stderr);
        exit(1);
    }
}

static char *text(const char *prefix, const char *end)
{
    size_t size = strlen(prefix) + strlen(end) + 1;
    char *joined = soap_malloc(central, size);
    snprintf(joined, size, "%s%s", prefix, end);
    return joined;
}

static void command(const char *format, const char *one, const char *other)
{
    char line[2048];
    snprintf(line, sizeof line, format, one, other);
    if (system(line) != 0) {
        fprintf(stderr, "failed: %s\n", line);
        exit(1);
    }
}

static struct xsd__base64Binary context(const char *name)
{
    struct xsd__base64Binary bytes = {0};
    char *file = text(files, name);
    command("cmtool context create --container '%s' --firm-code 6000010 --out '%s' >/dev/null", container, file);
    FILE *stream = fopen(file, "rb");
    if (stream == NULL) {
        exit(1);
    }
    bytes.__ptr = soap_malloc(central, 1 << 20);
    bytes.__size = (int)fread(bytes.__ptr, 1, 1 << 20, stream);
    fclose(stream);
    return bytes;
}

/* The order; gives the outcome, so that a refusal can be looked at. */
static int order(const char *id, const char *item, char *key, struct ns1__Order **placed)
{
    struct ns1__OrderLine line = {.item = (char *)item, .quantity = 3};
    struct ns1__NewOrder new_order = {.orderId = (char *)id, .customer = "C-4711", .__sizeline = 1, .line = &line};
    struct _ns1__CreateOrder request = {.order = &new_order, .idempotencyKey = key};
    struct _ns1__CreateOrderResponse response = {0};
    int outcome = soap_call___ns1__CreateOrder(with_token(), endpoint, NULL, &request, &response);
    *placed = response.order;
    return outcome;
}

static struct ns1__TicketLicense *on_ticket(char *ticket)
{
    struct _ns1__GetTicket request = {.ticket = ticket};
    struct _ns1__GetTicketResponse response = {0};
    must(soap_call___ns1__GetTicket(central, endpoint, NULL, &request, &response), "GetTicket");
    return response.ticket->license;
}

static void print_problem(void)
{
    struct SOAP_ENV__Detail *detail = central->fault->detail ? central->fault->detail : central->fault->SOAP_ENV__Detail;
    struct ns1__Problem *problem = detail->ns1__LicensingProblem;
    printf("fault %s\nrule %s\nremedy %s\n", problem->code, problem->rule, problem->remedy);
}

int main(int count, char **arguments)
{
    if (count < 5) {
        return 2;
    }
    central = soap_new1(SOAP_C_UTFSTRING | SOAP_XML_STRICT);
    snprintf(endpoint, sizeof endpoint, "%.*s", (int)strcspn(arguments[1], "?"), arguments[1]);
    snprintf(container, sizeof container, "%s", arguments[3]);
    const char *prefix = arguments[4];
    FILE *stream = fopen(arguments[2], "r");
    if (stream == NULL || fscanf(stream, "%511s", token) != 1) {
        return 1;
    }
    fclose(stream);
    const char *folder = getenv("TMPDIR");
    snprintf(files, sizeof files, "%s/central-XXXXXX", folder ? folder : "/tmp");
    if (mkdtemp(files) == NULL) {
        return 1;
    }

    struct ns1__ItemDefinition item = {.id = text(prefix, "-ITEM"), .name = "Sample & S\xc3\xb6hne <Basic>",
                                       .firmCode = FIRM_CODE, .productCode = 201000};
    struct _ns1__CreateItem create = {.item = &item};
    struct _ns1__CreateItemResponse created = {0};
    must(soap_call___ns1__CreateItem(with_token(), endpoint, NULL, &create, &created), "CreateItem");
    printf("item %s\n", created.item->id);

    struct ns1__Order *placed, *again;
    must(order(text(prefix, "-1"), item.id, text(prefix, "-key"), &placed), "CreateOrder");
    printf("ticket %s\n", placed->ticket);
    /* Sent twice, because the first answer may have been lost: it is one order all the same. */
    must(order(text(prefix, "-1"), item.id, text(prefix, "-key"), &again), "CreateOrder");
    printf("again %s\n", again->ticket);

    struct ns1__TicketLicense *license = on_ticket(placed->ticket);
    printf("available %u\n", license->available);

    unsigned int two = 2;
    struct ns1__Selection selection = {.id = license->id, .quantity = &two};
    struct _ns1__RequestUpdate request = {.ticket = placed->ticket, .__sizelicense = 1, .license = &selection};
    request.context = context("/before.WibuCmRaC");
    struct _ns1__RequestUpdateResponse response = {0};
    must(soap_call___ns1__RequestUpdate(central, endpoint, NULL, &request, &response), "RequestUpdate");
    char *file = text(files, "/update.WibuCmRaU");
    stream = fopen(file, "wb");
    fwrite(response.update->file.__ptr, 1, (size_t)response.update->file.__size, stream);
    fclose(stream);
    command("cmtool update import '%s'%s >/dev/null", file, "");
    struct _ns1__ConfirmReceipt confirm = {.context = context("/after.WibuCmRaC")};
    struct _ns1__ConfirmReceiptResponse confirmed = {0};
    must(soap_call___ns1__ConfirmReceipt(central, endpoint, NULL, &confirm, &confirmed), "ConfirmReceipt");
    printf("proven %u\n", confirmed.receipt->proven);
    printf("active %u\n", on_ticket(placed->ticket)->active);

    struct ns1__Order *refused;
    if (order(text(prefix, "-2"), "NO-SUCH-ITEM", NULL, &refused) != SOAP_OK) {
        print_problem();
    }
    soap_destroy(central);
    soap_end(central);
    soap_free(central);
    return 0;
}
