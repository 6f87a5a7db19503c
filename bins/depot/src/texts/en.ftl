# Texts of the portal. A theme may override any of them with a file texts/en.ftl that has only what is different.
language-name = English
portal-title = License portal
skip-to-content = Skip to the content
nav-label = Pages
nav-licenses = My licenses
nav-ticket = Enter a ticket
nav-automatic = Automatic update
nav-restore = Restore a container
language-label = Language
leave = Leave
footer = This portal shows and moves licenses by ticket. Keep your tickets secret: whoever has one can use it.
next = Next
optional = (optional)
upload = Upload
assigned = assigned by the vendor

# Tickets
tickets-title = Welcome to your licenses
tickets-lead = Enter the ticket you received with your order. It shows your licenses and lets you activate, return and restore them yourself.
ticket-label = Ticket
ticket-hint = 25 letters and digits in five groups. Several tickets: one on each line.
ticket-next = Show my licenses
without-ticket-title = Without a ticket
automatic-short = Fetch what the vendor has prepared for one of your containers.
restore-short = After a reinstallation of the same computer.
anyreceipt-short = Confirm a transfer you made with files.

# Overview
licenses-title = My licenses
my-licenses = My licenses
licenses-none = There is nothing to do with this ticket any more.
ticket-heading = Ticket { $ticket }
forget-ticket = Remove ticket from this page
another-ticket = Enter another ticket
print-view = Print view
print-title = License overview
print-now = Print
printed-on = As of { $when } UTC.
activate-licenses = Activate licenses
rehost-licenses = Return or move licenses
restore-licenses = Restore lost licenses
continue-transfer = Continue transfer
running-title = Begun in this browser
running-lead = These transfers are not finished. Continue where you stopped; nothing is lost meanwhile.
forget-transfer = Hide
license-quantity = (license quantity: { $quantity })
available-of = Available: { $available } ({ $quantity })
quantity-of = × { $quantity }
of-quantity = of { $quantity }
quantity-label = Quantity of { $name }
column-choose = Choose
column-name = Name
column-activated-on = Activated on
column-container = Container
column-status = Status
column-item = Item
column-order = Order
column-ordered-on = Ordered on
column-quantity = Quantity
state-pending = In transfer
state-partly-activated = Partly activated
state-activated = Activated
state-consumed = Used up
state-withdrawn = Withdrawn
state-replaced = Replaced
state-activating = being activated
state-returning = being returned
state-active = active
state-waiting = Waiting for the vendor

# Choosing
select-binding = Select binding
binding-title = Select the binding for your licenses
binding-lead = You can bind your licenses either to a computer (act license) or to a dongle.
binding-act = On one computer (act license)
binding-act-text = The licenses go to that computer and are bound to some of its properties.
binding-dongle = In a dongle
binding-dongle-text = The licenses go into the dongle, which you can use on different computers.
binding-facts = Firm code { $firm } · { $count ->
    [one] one license
   *[other] { $count } licenses
}
activate-title = Available licenses
activate-lead-act = Select the licenses you want to activate on a computer.
activate-lead-dongle = Select the licenses you want to transfer into a dongle.
activate-now = Activate selected licenses now
selection-all = All of these licenses are activated together.
selection-older = Licenses that are older than those you select go along with them.
container-title = Select the container
container-lead = Your licenses are in several containers. Out of which one do you want to return licenses?
deactivate-title = Re-hostable licenses
deactivate-connected = Have the container { $serial } ready: connected to this computer, or on its own computer with files.
deactivate-select = Select the licenses you want to return.
deactivate-click = Return them, online or with files.
deactivate-after = When the return is confirmed, they are available again for another container.
deactivate-now = Deactivate selected licenses now
reactivate-title = Restorable licenses
conditions-title = Conditions
conditions-invalid = If you have lost your licenses, you can restore them here. The container in which they were activated will be marked as invalid, with everything in it.
conditions-locked = Before that, make sure that the old container does not exist any more and that nobody uses the licenses in it. Otherwise it is permanently locked at its next contact.
conditions-accept = I accept the conditions.
reactivate-now = Restore selected licenses now
unfinished-title = Unfinished transfers
unfinished-lead = An update was made for these containers, and nothing proves yet that it was imported. Continue with a new request of the container: what it has done already counts, the rest you get again. Or cancel: what was not imported becomes available again.
continue-online = Continue online
continue-offline = Continue with files
cancel-online = Cancel online
cancel-offline = Cancel with files
automatic-title = Automatic license update
automatic-lead = Here you find what the vendor has prepared for your container. Your container identifies itself, so you need no ticket.
automatic-now = Check for license updates
restore-title = Restore a container
restore-lead = When the system of a computer was installed again, its act license is lost although the computer is the same. Everything in it moves into a new act license of this computer, if the vendor allows it.
restore-conditions = The old container is marked as invalid and cannot be used any more.
restore-old = Serial of the old container
restore-old-hint = It looks like 130-3556429651. The license overview of a ticket shows it.
restore-now = Restore the container now
data-title = The vendor wants to know

# License runtime
kind-act = Act license
kind-dongle = Dongle
agent-title = Container on this computer
agent-needs-script = The online transfer needs JavaScript. Without it, transfer your licenses with files.
agent-looking = Looking for the license runtime on this computer …
agent-ready = The license runtime is there. Choose a container.
agent-absent = No license runtime can be reached on this computer. Start it and look again, or transfer with files.
agent-ask = Your browser will ask whether this page may reach programs on this computer. Allow it to transfer licenses online.
agent-denied = Your browser keeps this page from reaching the license runtime. Go by way of the runtime's own page, or transfer with files.
agent-consent = The license runtime asks you whether this portal may see your containers. Please answer there.
agent-refused = The license runtime was told not to let this portal in. Transfer with files, or allow it with “cmtool agent allow”.
agent-none = There is no suitable container on this computer. Connect one and look again, or transfer with files.
agent-new = New act license on this computer
agent-unnamed = not named yet
agent-other-container = The container { $serial } is not connected. Connect it and look again.
agent-choose = Container
agent-connect = Look for containers
agent-rescan = Rescan for containers
offline-transfer = Offline license transfer
online-transfer = Online license transfer

# Online transfer
online-title = Online license transfer
online-wait = Please wait!
online-wait-text = The selected licenses are transferred. This may take several minutes. Please do not remove the container and do not reload this page.
online-failed = The transfer stopped.
online-phase = Step
online-again = Try again
phase-starting = Starting license transfer
phase-downloading-template = Downloading license template
phase-registering-template = Registering license template
phase-creating-request = Creating license request
phase-downloading-update = Downloading license update
phase-importing-update = Importing license update to container
phase-creating-receipt = Creating receipt
phase-uploading-receipt = Uploading receipt
fallback-title = Other ways
fallback-text = When the browser does not reach the license runtime, go by way of the runtime's own page, or transfer the same licenses with files.
navigate = By the runtime's own page
navigate-title = By way of the license runtime
navigate-lead = The next page comes from the license runtime of this computer. It shows what this portal wants and asks you. Then it leads back here.
navigate-go = Go to the license runtime
navigate-go-port = Port { $port }
navigate-go-new = Go to the license runtime, new act license
navigate-other-port = The license runtime does not answer there?
navigate-back = The license runtime has answered. Continue to finish this step.
navigate-continue = Continue

# Offline transfer
offline-title = { $wish } with files
steps-label = Steps
step-request = Upload request
step-update = Download update
step-receipt = Upload receipt
step-done = (done)
with-cmtool = For example:
drop-hint = Choose the file, or drop it here.
request-heading = Create a request and upload it
request-template = For a new act license, download the license template, take it to the computer of the licenses and import it there. Skip this when there is an act license of this vendor already.
request-template-download = Download license template
request-create = Create a license request (*.WibuCmRaC) on the computer of the container.
request-create-for = Create a license request (*.WibuCmRaC) of the container { $serial }.
request-upload = Upload it here.
request-file = License request (*.WibuCmRaC)
to-update = To the update you already have
update-heading = Download the license update and import it
update-download = Download the license update file and save it.
update-import = Import it into the container { $serial }, for example with cmtool or the license runtime. Importing it twice does no harm.
update-next = When it is imported, click “Next” to confirm the transfer.
update-download-now = Download license update file now
update-all-the-same = The container has to take the update all the same: it carries what the vendor has prepared or what is still missing.
upload-again = Upload a request again
receipt-heading = Create a receipt and upload it
receipt-create = Create another license request (*.WibuCmRaC) of the container { $serial }: taken after the import, it is the receipt.
receipt-upload = Upload it here. Then the transfer is proven and finished.
receipt-file = Receipt (*.WibuCmRaC)
receipt-early-title = The update is not imported yet
receipt-early = { $count ->
    [one] The file was made before the last update was imported. Import the update, create the file again and upload that.
   *[other] The file was made before { $count } updates were imported. Import them, create the file again and upload that.
}
receipt-later = Finish later
back-to-update = Back to the update
anyreceipt-title = Upload a receipt
anyreceipt-lead = Upload a license request (*.WibuCmRaC) that was created after an update was imported. It proves the transfer; no ticket is needed.

# QR codes
picture-title = From a picture of the QR code
picture-lead = When no file can leave the computer of the container: show the request there as a QR code, take a picture of it and upload the picture.
picture-file = Picture (PNG or JPEG)
picture-hint = Choose or take a picture of the whole code; of several codes, a picture of each.
picture-upload = Upload picture
code-title = As QR code
code-lead = { $count ->
    [one] When no file reaches the computer of the container: take a picture of this code there and import the picture.
   *[other] When no file reaches the computer of the container: take a picture of each of these { $count } codes there and import the pictures.
}
code-alt = QR code { $number } of { $count } with the license update

# Result
result-title = Done
result-container = Container
result-activate = The licenses were activated.
result-deactivate = The licenses were returned and are available again.
result-reactivate = The licenses were restored.
result-continue = The transfer is finished and proven.
result-cancel = The transfer is settled: what was not imported is available again.
result-automatic = The container is up to date.
result-restore = The container was restored.
wish-activate = Activation
wish-deactivate = Return
wish-reactivate = Restoring licenses
wish-continue = Continuing a transfer
wish-cancel = Cancelling a transfer
wish-automatic = Automatic update
wish-restore = Restoring a container

# Problems
problem-title = That did not work
problem-why = Why
problem-what-to-do = What to do
problem-details = Details
problem-incident = Incident
problem-back = Back
