# Texte des Portals auf Deutsch.
language-name = Deutsch
portal-title = Lizenzportal
skip-to-content = Zum Inhalt springen
nav-label = Seiten
nav-licenses = Meine Lizenzen
nav-ticket = Ticket eingeben
nav-automatic = Automatisches Update
nav-restore = Container wiederherstellen
language-label = Sprache
leave = Verlassen
footer = Dieses Portal zeigt und bewegt Lizenzen anhand von Tickets. Halten Sie Ihre Tickets geheim: Wer eines hat, kann es benutzen.
next = Weiter
optional = (freiwillig)
upload = Hochladen
assigned = vom Hersteller zugewiesen

# Tickets
tickets-title = Willkommen bei Ihren Lizenzen
tickets-lead = Geben Sie das Ticket ein, das Sie mit Ihrer Bestellung erhalten haben. Es zeigt Ihre Lizenzen, und Sie können sie selbst aktivieren, zurückgeben und wiederherstellen.
ticket-label = Ticket
ticket-hint = 25 Buchstaben und Ziffern in fünf Gruppen. Mehrere Tickets: eines in jeder Zeile.
ticket-next = Meine Lizenzen zeigen
without-ticket-title = Ohne Ticket
automatic-short = Holen, was der Hersteller für einen Ihrer Container vorbereitet hat.
restore-short = Nach einer Neuinstallation desselben Computers.
anyreceipt-short = Eine Übertragung bestätigen, die Sie mit Dateien gemacht haben.

# Übersicht
licenses-title = Meine Lizenzen
my-licenses = Meine Lizenzen
licenses-none = Mit diesem Ticket ist nichts mehr zu tun.
ticket-heading = Ticket { $ticket }
forget-ticket = Ticket von dieser Seite entfernen
another-ticket = Weiteres Ticket eingeben
print-view = Druckansicht
print-title = Lizenzübersicht
print-now = Drucken
printed-on = Stand { $when } UTC.
activate-licenses = Lizenzen aktivieren
rehost-licenses = Lizenzen zurückgeben oder umziehen
restore-licenses = Verlorene Lizenzen wiederherstellen
continue-transfer = Übertragung fortsetzen
running-title = In diesem Browser begonnen
running-lead = Diese Übertragungen sind nicht abgeschlossen. Setzen Sie dort fort, wo Sie aufgehört haben; inzwischen geht nichts verloren.
forget-transfer = Ausblenden
license-quantity = (Lizenzanzahl: { $quantity })
available-of = Verfügbar: { $available } ({ $quantity })
quantity-of = × { $quantity }
of-quantity = von { $quantity }
quantity-label = Anzahl von { $name }
column-choose = Auswahl
column-name = Name
column-activated-on = Aktiviert am
column-container = Container
column-status = Status
column-item = Artikel
column-order = Bestellung
column-ordered-on = Bestellt am
column-quantity = Anzahl
state-pending = In Übertragung
state-partly-activated = Teilweise aktiviert
state-activated = Aktiviert
state-consumed = Verbraucht
state-withdrawn = Zurückgezogen
state-replaced = Ersetzt
state-activating = wird aktiviert
state-returning = wird zurückgegeben
state-active = aktiv
state-waiting = Wartet auf den Hersteller

# Auswahl
select-binding = Bindung wählen
binding-title = Wählen Sie die Bindung Ihrer Lizenzen
binding-lead = Sie können Ihre Lizenzen entweder an einen Computer binden (Act-Lizenz) oder an einen Dongle.
binding-act = Auf einem Computer (Act-Lizenz)
binding-act-text = Die Lizenzen kommen auf diesen Computer und werden an einige seiner Eigenschaften gebunden.
binding-dongle = In einem Dongle
binding-dongle-text = Die Lizenzen kommen in den Dongle, den Sie an verschiedenen Computern benutzen können.
binding-facts = Firm Code { $firm } · { $count ->
    [one] eine Lizenz
   *[other] { $count } Lizenzen
}
activate-title = Verfügbare Lizenzen
activate-lead-act = Wählen Sie die Lizenzen, die Sie auf einem Computer aktivieren möchten.
activate-lead-dongle = Wählen Sie die Lizenzen, die Sie in einen Dongle übertragen möchten.
activate-now = Gewählte Lizenzen jetzt aktivieren
selection-all = Diese Lizenzen werden alle zusammen aktiviert.
selection-older = Lizenzen, die älter sind als die gewählten, gehen mit ihnen mit.
container-title = Container wählen
container-lead = Ihre Lizenzen sind in mehreren Containern. Aus welchem möchten Sie Lizenzen zurückgeben?
deactivate-title = Umziehbare Lizenzen
deactivate-connected = Halten Sie den Container { $serial } bereit: an diesem Computer, oder an seinem eigenen mit Dateien.
deactivate-select = Wählen Sie die Lizenzen, die Sie zurückgeben möchten.
deactivate-click = Geben Sie sie zurück, online oder mit Dateien.
deactivate-after = Wenn die Rückgabe bestätigt ist, sind sie für einen anderen Container verfügbar.
deactivate-now = Gewählte Lizenzen jetzt deaktivieren
reactivate-title = Wiederherstellbare Lizenzen
conditions-title = Bedingungen
conditions-invalid = Wenn Sie Ihre Lizenzen verloren haben, können Sie sie hier wiederherstellen. Der Container, in dem sie aktiviert waren, wird mit allem darin als ungültig markiert.
conditions-locked = Stellen Sie vorher sicher, dass es den alten Container nicht mehr gibt und niemand die Lizenzen darin benutzt. Sonst wird er bei seinem nächsten Kontakt für immer gesperrt.
conditions-accept = Ich nehme die Bedingungen an.
reactivate-now = Gewählte Lizenzen jetzt wiederherstellen
unfinished-title = Nicht abgeschlossene Übertragungen
unfinished-lead = Für diese Container wurde ein Update gemacht, und noch beweist nichts, dass es eingespielt wurde. Setzen Sie mit einer neuen Anforderung des Containers fort: Was er schon getan hat, zählt, den Rest bekommen Sie noch einmal. Oder brechen Sie ab: Was nicht eingespielt wurde, ist wieder verfügbar.
continue-online = Online fortsetzen
continue-offline = Mit Dateien fortsetzen
cancel-online = Online abbrechen
cancel-offline = Mit Dateien abbrechen
automatic-title = Automatisches Lizenz-Update
automatic-lead = Hier finden Sie, was der Hersteller für Ihren Container vorbereitet hat. Ihr Container weist sich selbst aus, Sie brauchen kein Ticket.
automatic-now = Nach Lizenz-Updates sehen
restore-title = Container wiederherstellen
restore-lead = Wenn das System eines Computers neu installiert wurde, ist seine Act-Lizenz verloren, obwohl es derselbe Computer ist. Alles darin zieht in eine neue Act-Lizenz dieses Computers um, wenn der Hersteller es erlaubt.
restore-conditions = Der alte Container wird als ungültig markiert und kann nicht mehr benutzt werden.
restore-old = Seriennummer des alten Containers
restore-old-hint = Sie sieht aus wie 130-3556429651. Die Lizenzübersicht eines Tickets zeigt sie.
restore-now = Container jetzt wiederherstellen
data-title = Der Hersteller möchte wissen

# Runtime
kind-act = Act-Lizenz
kind-dongle = Dongle
agent-title = Container an diesem Computer
agent-needs-script = Die Online-Übertragung braucht JavaScript. Ohne JavaScript übertragen Sie Ihre Lizenzen mit Dateien.
agent-looking = Die License Runtime dieses Computers wird gesucht …
agent-ready = Die License Runtime ist da. Wählen Sie einen Container.
agent-absent = An diesem Computer ist keine License Runtime zu erreichen. Starten Sie sie und suchen Sie noch einmal, oder übertragen Sie mit Dateien.
agent-ask = Ihr Browser wird fragen, ob diese Seite Programme auf diesem Computer erreichen darf. Erlauben Sie es, um Lizenzen online zu übertragen.
agent-denied = Ihr Browser lässt diese Seite nicht zur License Runtime. Gehen Sie über deren eigene Seite, oder übertragen Sie mit Dateien.
agent-consent = Die License Runtime fragt Sie, ob dieses Portal Ihre Container sehen darf. Bitte antworten Sie dort.
agent-refused = Der License Runtime wurde gesagt, dieses Portal nicht hereinzulassen. Übertragen Sie mit Dateien, oder erlauben Sie es mit „cmtool agent allow“.
agent-none = An diesem Computer ist kein passender Container. Schließen Sie einen an und suchen Sie noch einmal, oder übertragen Sie mit Dateien.
agent-new = Neue Act-Lizenz auf diesem Computer
agent-unnamed = noch ohne Namen
agent-other-container = Der Container { $serial } ist nicht angeschlossen. Schließen Sie ihn an und suchen Sie noch einmal.
agent-choose = Container
agent-connect = Container suchen
agent-rescan = Noch einmal nach Containern suchen
offline-transfer = Offline-Lizenzübertragung
online-transfer = Online-Lizenzübertragung

# Online-Übertragung
online-title = Online-Lizenzübertragung
online-wait = Bitte warten!
online-wait-text = Die gewählten Lizenzen werden übertragen. Das kann einige Minuten dauern. Bitte ziehen Sie den Container währenddessen nicht ab, und laden Sie diese Seite nicht neu.
online-failed = Die Übertragung ist stehen geblieben.
online-phase = Schritt
online-again = Noch einmal versuchen
phase-starting = Lizenzübertragung wird begonnen
phase-downloading-template = Lizenzvorlage wird heruntergeladen
phase-registering-template = Lizenzvorlage wird angemeldet
phase-creating-request = Lizenzanforderung wird erzeugt
phase-downloading-update = Lizenz-Update wird heruntergeladen
phase-importing-update = Lizenz-Update wird in den Container eingespielt
phase-creating-receipt = Quittung wird erzeugt
phase-uploading-receipt = Quittung wird hochgeladen
fallback-title = Andere Wege
fallback-text = Wenn der Browser die License Runtime nicht erreicht, gehen Sie über deren eigene Seite, oder übertragen Sie dieselben Lizenzen mit Dateien.
navigate = Über die Seite der License Runtime
navigate-title = Über die License Runtime
navigate-lead = Die nächste Seite kommt von der License Runtime dieses Computers. Sie zeigt, was dieses Portal möchte, und fragt Sie. Danach führt sie hierher zurück.
navigate-go = Zur License Runtime
navigate-go-port = Port { $port }
navigate-go-new = Zur License Runtime, neue Act-Lizenz
navigate-other-port = Die License Runtime antwortet dort nicht?
navigate-back = Die License Runtime hat geantwortet. Fahren Sie fort, um diesen Schritt abzuschließen.
navigate-continue = Fortfahren

# Offline-Übertragung
offline-title = { $wish } mit Dateien
steps-label = Schritte
step-request = Anforderung hochladen
step-update = Update herunterladen
step-receipt = Quittung hochladen
step-done = (erledigt)
with-cmtool = Zum Beispiel:
drop-hint = Wählen Sie die Datei, oder legen Sie sie hier ab.
request-heading = Anforderung erzeugen und hochladen
request-template = Für eine neue Act-Lizenz laden Sie die Lizenzvorlage herunter, bringen sie auf den Computer der Lizenzen und spielen sie dort ein. Überspringen Sie das, wenn es dort schon eine Act-Lizenz dieses Herstellers gibt.
request-template-download = Lizenzvorlage herunterladen
request-create = Erzeugen Sie am Computer des Containers eine Lizenzanforderung (*.WibuCmRaC).
request-create-for = Erzeugen Sie eine Lizenzanforderung (*.WibuCmRaC) des Containers { $serial }.
request-upload = Laden Sie sie hier hoch.
request-file = Lizenzanforderung (*.WibuCmRaC)
to-update = Zum Update, das Sie schon haben
update-heading = Lizenz-Update herunterladen und einspielen
update-download = Laden Sie die Update-Datei herunter und speichern Sie sie.
update-import = Spielen Sie sie in den Container { $serial } ein, zum Beispiel mit cmtool oder der License Runtime. Zweimal einspielen schadet nicht.
update-next = Wenn sie eingespielt ist, klicken Sie auf „Weiter“, um die Übertragung zu bestätigen.
update-download-now = Update-Datei jetzt herunterladen
update-all-the-same = Das Update muss der Container trotzdem bekommen: Es bringt, was der Hersteller vorbereitet hat oder was noch fehlt.
upload-again = Noch einmal eine Anforderung hochladen
receipt-heading = Quittung erzeugen und hochladen
receipt-create = Erzeugen Sie noch eine Lizenzanforderung (*.WibuCmRaC) des Containers { $serial }: Nach dem Einspielen ist sie die Quittung.
receipt-upload = Laden Sie sie hier hoch. Dann ist die Übertragung bewiesen und abgeschlossen.
receipt-file = Quittung (*.WibuCmRaC)
receipt-early-title = Das Update ist noch nicht eingespielt
receipt-early = { $count ->
    [one] Die Datei wurde erzeugt, bevor das letzte Update eingespielt war. Spielen Sie das Update ein, erzeugen Sie die Datei neu und laden Sie sie hoch.
   *[other] Die Datei wurde erzeugt, bevor { $count } Updates eingespielt waren. Spielen Sie sie ein, erzeugen Sie die Datei neu und laden Sie sie hoch.
}
receipt-later = Später abschließen
back-to-update = Zurück zum Update
anyreceipt-title = Quittung hochladen
anyreceipt-lead = Laden Sie eine Lizenzanforderung (*.WibuCmRaC) hoch, die nach dem Einspielen eines Updates erzeugt wurde. Sie beweist die Übertragung; ein Ticket ist nicht nötig.

# QR-Codes
picture-title = Aus einem Bild des QR-Codes
picture-lead = Wenn keine Datei den Computer des Containers verlassen kann: Zeigen Sie dort die Lizenzanforderung als QR-Code an, fotografieren Sie ihn und laden Sie das Bild hoch.
picture-file = Bild (PNG oder JPEG)
picture-hint = Wählen oder fotografieren Sie den ganzen Code; bei mehreren Codes je ein Bild.
picture-upload = Bild hochladen
code-title = Als QR-Code
code-lead = { $count ->
    [one] Wenn keine Datei den Computer des Containers erreicht: Fotografieren Sie dort diesen Code und spielen Sie das Bild ein.
   *[other] Wenn keine Datei den Computer des Containers erreicht: Fotografieren Sie dort jeden dieser { $count } Codes und spielen Sie die Bilder ein.
}
code-alt = QR-Code { $number } von { $count } mit dem Lizenzupdate

# Ergebnis
result-title = Fertig
result-container = Container
result-activate = Die Lizenzen wurden aktiviert.
result-deactivate = Die Lizenzen wurden zurückgegeben und sind wieder verfügbar.
result-reactivate = Die Lizenzen wurden wiederhergestellt.
result-continue = Die Übertragung ist abgeschlossen und bewiesen.
result-cancel = Die Übertragung ist geklärt: Was nicht eingespielt wurde, ist wieder verfügbar.
result-automatic = Der Container ist auf dem neuesten Stand.
result-restore = Der Container wurde wiederhergestellt.
wish-activate = Aktivierung
wish-deactivate = Rückgabe
wish-reactivate = Wiederherstellung von Lizenzen
wish-continue = Fortsetzung einer Übertragung
wish-cancel = Abbruch einer Übertragung
wish-automatic = Automatisches Update
wish-restore = Wiederherstellung eines Containers

# Probleme
problem-title = Das hat nicht geklappt
problem-why = Warum
problem-what-to-do = Was zu tun ist
problem-details = Einzelheiten
problem-incident = Vorfall
problem-back = Zurück
