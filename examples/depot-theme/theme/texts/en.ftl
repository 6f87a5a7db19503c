tickets-title = Your Aurora licenses
footer = Aurora Instruments, customer service. Keep your tickets secret: whoever has one can use it.
aurora-support-title = We are there for you
aurora-support = Monday to Friday, 8 to 18 h. Have your order number at hand, never your ticket.
