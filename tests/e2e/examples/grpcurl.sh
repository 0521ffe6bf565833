grpcurl -plaintext -H "authorization: Bearer $TOKEN" \
  -d '{"page_size": 5}' 127.0.0.1:8080 aftercare.tickets.v1.TicketService/ListTickets
