// Sells and activates a license over SOAP with JAX-WS: java Client WSDL TOKEN_FILE CONTAINER PREFIX
// The package `central` is what wsimport makes from the WSDL. What happens on the customer's computer is done by
// cmtool, which must be on the PATH.

import central.ItemDefinition;
import central.LicenseCentral;
import central.LicenseCentralPortType;
import central.LicensingFault;
import central.NewOrder;
import central.Order;
import central.OrderLine;
import central.Problem;
import central.Selection;
import central.TicketLicense;
import central.Update;
import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.ws.BindingProvider;

public final class Client {
    private static final long FIRM_CODE = 6000010;

    private static void cmtool(String... words) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("cmtool"));
        command.addAll(List.of(words));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(ProcessBuilder.Redirect.INHERIT);
        int exit = builder.start().waitFor();
        if (exit != 0) {
            throw new IOException("cmtool ended with " + exit);
        }
    }

    private static byte[] context(String container, Path file) throws IOException, InterruptedException {
        cmtool("context", "create", "--container", container, "--firm-code", Long.toString(FIRM_CODE),
            "--out", file.toString());
        return Files.readAllBytes(file);
    }

    private static NewOrder order(String id, String item, long quantity) {
        OrderLine line = new OrderLine();
        line.setItem(item);
        line.setQuantity(quantity);
        NewOrder order = new NewOrder();
        order.setOrderId(id);
        order.getLine().add(line);
        return order;
    }

    public static void main(String[] arguments) throws Exception {
        String container = arguments[2];
        String prefix = arguments[3];
        Path files = Files.createTempDirectory("central-");
        LicenseCentralPortType central =
            new LicenseCentral(new URL(arguments[0])).getPort(LicenseCentralPortType.class);
        BindingProvider binding = (BindingProvider) central;
        binding.getRequestContext().put(BindingProvider.USERNAME_PROPERTY, "erp");
        binding.getRequestContext()
            .put(BindingProvider.PASSWORD_PROPERTY, Files.readString(Path.of(arguments[1])).trim());

        ItemDefinition definition = new ItemDefinition();
        definition.setId(prefix + "-ITEM");
        definition.setName("Sample & S\u00f6hne <Basic>");
        definition.setFirmCode(FIRM_CODE);
        definition.setProductCode(201000);
        System.out.println("item " + central.createItem(definition, null).getId());

        NewOrder order = order(prefix + "-1", prefix + "-ITEM", 3);
        order.setCustomer("C-4711");
        Order placed = central.createOrder(order, prefix + "-key");
        System.out.println("ticket " + placed.getTicket());
        // Sent twice, because the first answer may have been lost: it is one order all the same.
        System.out.println("again " + central.createOrder(order, prefix + "-key").getTicket());

        TicketLicense license = central.getTicket(placed.getTicket(), null).getLicense().get(0);
        System.out.println("available " + license.getAvailable());

        Selection selection = new Selection();
        selection.setId(license.getId());
        selection.setQuantity(2L);
        byte[] before = context(container, files.resolve("before.WibuCmRaC"));
        Update update = central.requestUpdate(placed.getTicket(), List.of(selection), before, null);
        Path file = files.resolve("update.WibuCmRaU");
        Files.write(file, update.getFile());
        cmtool("update", "import", file.toString());
        byte[] after = context(container, files.resolve("after.WibuCmRaC"));
        System.out.println("proven " + central.confirmReceipt(after).getProven());
        System.out.println(
            "active " + central.getTicket(placed.getTicket(), null).getLicense().get(0).getActive());

        try {
            central.createOrder(order(prefix + "-2", "NO-SUCH-ITEM", 1), null);
        } catch (LicensingFault fault) {
            Problem problem = fault.getFaultInfo();
            System.out.println("fault " + problem.getCode());
            System.out.println("rule " + problem.getRule());
            System.out.println("remedy " + problem.getRemedy());
        }
    }
}
