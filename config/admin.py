from django.contrib.admin import AdminSite


class OperationsSite(AdminSite):
    site_header = "Holdfast operations"
    site_title = "Holdfast operations"
    index_title = "Now"
