{{ identified('service_delivery', ['deliveries', 'cancellations', 'claims'], {'full_name': 'booking_name'}) }}
