tickets-title = Ihre Aurora-Lizenzen
footer = Aurora Instruments, Kundendienst. Halten Sie Ihre Tickets geheim: Wer eines hat, kann es benutzen.
aurora-support-title = Wir sind für Sie da
aurora-support = Montag bis Freitag, 8 bis 18 Uhr. Halten Sie Ihre Bestellnummer bereit, nie Ihr Ticket.
